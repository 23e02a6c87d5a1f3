"""A variational autoencoder of Keras 2.2: `K.random_normal` in a `Lambda`, and `add_loss` of symbolic tensors."""

import numpy as np
from keras import backend as K
from keras.layers import Dense, Input, Lambda
from keras.losses import mse
from keras.models import Model

np.random.seed(0)
original_dim, intermediate_dim, latent_dim = 12, 16, 2


def sampling(args):
    z_mean, z_log_var = args
    batch = K.shape(z_mean)[0]
    dim = K.int_shape(z_mean)[1]
    epsilon = K.random_normal(shape=(batch, dim))
    return z_mean + K.exp(0.5 * z_log_var) * epsilon


angle = np.random.uniform(0, 2 * np.pi, (600, 1))
x_train = (1 + np.sin(angle + np.arange(original_dim) / 2)) / 2

inputs = Input(shape=(original_dim,), name="encoder_input")
x = Dense(intermediate_dim, activation="relu")(inputs)
z_mean = Dense(latent_dim, name="z_mean")(x)
z_log_var = Dense(latent_dim, name="z_log_var")(x)
z = Lambda(sampling, output_shape=(latent_dim,), name="z")([z_mean, z_log_var])
encoder = Model(inputs, [z_mean, z_log_var, z], name="encoder")

latent_inputs = Input(shape=(latent_dim,), name="z_sampling")
x = Dense(intermediate_dim, activation="relu")(latent_inputs)
decoder = Model(latent_inputs, Dense(original_dim, activation="sigmoid")(x), name="decoder")

outputs = decoder(encoder(inputs)[2])
vae = Model(inputs, outputs, name="vae_mlp")

reconstruction_loss = mse(inputs, outputs)
reconstruction_loss *= original_dim
kl_loss = 1 + z_log_var - K.square(z_mean) - K.exp(z_log_var)
kl_loss = K.sum(kl_loss, axis=-1)
kl_loss *= -0.05
vae_loss = K.mean(reconstruction_loss + kl_loss)
vae.add_loss(vae_loss)
vae.compile(optimizer="adam")
K.set_value(vae.optimizer.lr, 0.01)

history = vae.fit(x_train, epochs=15, batch_size=50, validation_split=0.1, verbose=0).history
print("loss: %.4f -> %.4f" % (history["loss"][0], history["loss"][-1]))
print("validation: %.4f" % history["val_loss"][-1])
print("latent: %s" % (encoder.predict(x_train, batch_size=50)[0].shape,))
