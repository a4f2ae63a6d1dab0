"""Generators and the networks they are trained against, by name. Free of torch until a row is loaded."""

from __future__ import annotations

from typing import Any

from gantools.core.registry import Table

MODELS: Table[Any] = Table(
    "model",
    {
        "dcgan": "gantools.models.image.dcgan:dcgan",
        "stylegan2": "gantools.models.image.stylegan2.generator:stylegan2",
        "sngan": "gantools.models.image.sngan:sngan",
        "light": "gantools.models.image.light:light",
        "vae": "gantools.models.image.vae:vae",
        "nmg": "gantools.models.classic.nmg:nmg",
        "unet": "gantools.models.translate.unet:unet",
        "resnet": "gantools.models.translate.resnet:resnet",
        "compact": "gantools.models.video.compact:compact",
        "between": "gantools.models.video.between:between",
        "recurrent": "gantools.models.video.recurrent:recurrent",
        "text_lstm": "gantools.models.text.recurrent:text_lstm",
        "text_gru": "gantools.models.text.recurrent:text_gru",
        "text_transformer": "gantools.models.text.transformer:text_transformer",
        "text_vae": "gantools.models.text.vae:text_vae",
    },
)

DISCRIMINATORS: Table[Any] = Table(
    "discriminator",
    {
        "dcgan": "gantools.models.discriminators.dcgan:dcgan",
        "stylegan2": "gantools.models.discriminators.stylegan2:stylegan2",
        "resnet": "gantools.models.discriminators.resnet:resnet",
        "patch": "gantools.models.discriminators.patch:patch",
        "mlp": "gantools.models.discriminators.mlp:mlp",
        "lstm": "gantools.models.discriminators.recurrent:lstm",
        "gru": "gantools.models.discriminators.recurrent:gru",
        "text_cnn": "gantools.models.discriminators.text_cnn:text_cnn",
        "text_lstm": "gantools.models.discriminators.text_recurrent:text_lstm",
        "text_gru": "gantools.models.discriminators.text_recurrent:text_gru",
        "text_mlp": "gantools.models.discriminators.text_mlp:text_mlp",
    },
)
