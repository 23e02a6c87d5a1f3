"""Networks of torchvision with the architecture that Keras's have, and their weights in models of Keras.

What differs, and what is done about it:

- ResNet50: Keras halves the picture in the first convolution of a block, torchvision in the second: the strides are
  moved. Keras's convolutions have biases, torchvision's have none: the biases are zero, and cost their time.
- Normalization: torchvision's epsilon and momentum are set to those of Keras.
- VGG16, MobileNetV2: Keras's have no dropout: torchvision's is taken out. VGG16 of torchvision gets as many features
  for a picture as Keras's has, where its own would always be 7 x 7.
- EfficientNetB0: Keras's takes channels from 0 to 255 and rescales them itself.
- MobileNetV2, EfficientNetB0: before a convolution with stride 2 Keras pads a picture of even size below and on the
  right only, torchvision on all sides. For odd sizes both pad alike, so for pictures of 33, 97 or 193, whose halves are
  odd, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torchvision

NETWORKS = {
    "ResNet50": "resnet50",
    "MobileNetV2": "mobilenet_v2",
    "EfficientNetB0": "efficientnet_b0",
    "VGG16": "vgg16",
}
#: What Keras's networks expect of pictures with channels from 0 to 1: to be multiplied by this.
SCALES = {"EfficientNetB0": 255}


def network(name: str, size: int) -> torch.nn.Module:
    """Returns torchvision's network, channels-last, with the architecture of the one in Keras.

    Args:
        name: What Keras calls it.
        size: Height and width of the pictures.
    """
    net = getattr(torchvision.models, NETWORKS[name])()
    if name == "ResNet50":
        for stage in (net.layer2, net.layer3, net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    if name == "VGG16":
        net.avgpool, net.classifier[0] = torch.nn.Identity(), torch.nn.Linear(512 * (size // 32) ** 2, 4096)
        net.classifier[2] = net.classifier[5] = torch.nn.Identity()
    if name == "MobileNetV2":
        net.classifier[0] = torch.nn.Identity()
    return net.to(memory_format=torch.channels_last)


def copy_weights(net: torch.nn.Module, model: Any) -> None:
    """Gives a model the weights of torchvision's network, and the network the model's epsilons and momenta.

    Args:
        net: What `network` returns.
        model: The model of Keras's application.
    """
    for module, layer in _pairs(net, model):
        layer.set_weights([weight.numpy() for weight in _weights(module, layer)])
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps, module.momentum = layer.epsilon, 1 - layer.momentum


def trained_weights(net: torch.nn.Module, model: Any) -> Iterator[tuple[Any, torch.Tensor]]:
    """Yields each weight of the model that is trained, with the network's in Keras's form."""
    for module, layer in _pairs(net, model):
        weights = dict(zip(layer.weights, _weights(module, layer), strict=True))
        yield from ((weight, weights[weight]) for weight in layer.trainable_weights)


def _pairs(net: torch.nn.Module, model: Any) -> Iterator[tuple[torch.nn.Module, Any]]:
    modules = [module for module in net.modules() if next(module.parameters(recurse=False), None) is not None]
    layers = [layer for layer in model.layers if layer.weights and type(layer).__name__ != "Normalization"]
    if isinstance(net, torchvision.models.ResNet):
        layers.sort(key=_place)
    return zip(modules, layers, strict=True)


def _place(layer: Any) -> str:
    """Sorts the shortcut of a block, which Keras calls `0`, behind the three convolutions, as torchvision has it."""
    name: str = layer.name
    return "predictions" if name == "predictions" else name.replace("_0_", "_4_").rpartition("_")[0]


def _weights(module: torch.nn.Module, layer: Any) -> list[torch.Tensor]:
    if isinstance(module, torch.nn.BatchNorm2d):
        return [module.weight.detach(), module.bias.detach(), module.running_mean, module.running_var]
    weight, bias = module.weight.detach(), module.bias
    if isinstance(module, torch.nn.Conv2d):
        kernel = weight.permute(2, 3, 0, 1) if module.groups > 1 else weight.permute(2, 3, 1, 0)
    elif layer.name == "fc1":  # VGG16's, after 512 channels that torchvision flattens first and Keras last
        side = int((weight.shape[1] / 512) ** 0.5)
        kernel = weight.unflatten(1, (512, side, side)).permute(2, 3, 1, 0).flatten(0, 2)
    else:
        kernel = weight.T
    return [kernel, weight.new_zeros(len(weight)) if bias is None else bias.detach()][: len(layer.weights)]
