"""Applications with the weights of torchvision's networks compute what these do, where the architectures are equal."""

import pytest
import torch

import torchkeras_shim as keras
from tests.benchmarks.torchvision_networks import SCALES, copy_weights, network, trained_weights
from tests.parity.application_cases import build


def varied(net):
    """Gives a network weights that keep the size of signals, and statistics as after some training."""
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm2d):
            for weight in (module.weight.data, module.running_var):
                weight.uniform_(0.8, 1.2)
            for weight in (module.bias.data, module.running_mean):
                weight.uniform_(-0.1, 0.1)
    return net


@pytest.fixture(autouse=True)
def no_rounding():
    """All is computed in float64, so that what differs is not rounding."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        *(pytest.param(name, marks=pytest.mark.nightly) for name in ("EfficientNetB0", "ResNet50", "VGG16")),
    ],
)
def test_a_network_with_torchvision_s_weights(name):
    net = varied(network(name, 33)).double().eval()
    model = build(keras, name, {}, 33)
    copy_weights(net, model)
    x, y = torch.rand(4, 33, 33, 3, dtype=torch.float64), torch.arange(4)

    with torch.no_grad():
        theirs, ours = net(x.permute(0, 3, 1, 2)), model(x * SCALES.get(name, 1))
    assert theirs.std(0).mean() > 1e-4 * theirs.abs().mean()
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)

    if name == "EfficientNetB0":  # drops at random while it is trained
        return
    loss = torch.nn.functional.cross_entropy(net.train()(x.permute(0, 3, 1, 2)), y)
    loss.backward()
    torch.optim.SGD(net.parameters(), 1e-3).step()
    model.compile(keras.optimizers.SGD(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert model.train_on_batch(x, y) == pytest.approx(loss.item(), rel=1e-9)
    for ours, theirs in trained_weights(net, model):
        torch.testing.assert_close(ours.detach(), theirs, rtol=1e-9, atol=1e-9)
