"""The same weights and images in PyTorch: how far are its tokens from ours?

    python3 parity.py FOLDER

FOLDER, written by ParityTest, holds ours.safetensors (images, noise, our tokens and predictions), timm.safetensors, and
the folders hf-vit and hf-vitmae. The forward passes below are written from the definition of the vision transformer
(arXiv:2010.11929) and of MAE (arXiv:2111.06377), in plain PyTorch, for the names of timm and of Hugging Face each.
Prints the largest differences; ends with 1 if one is above 1e-5.
"""
import json
import struct
import sys

import numpy
import torch
from torch.nn import functional as F

EPS = 1e-6
LIMIT = 1e-5


def read(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    kinds = {"F32": numpy.float32, "I32": numpy.int32}
    return {
        name: torch.from_numpy(
            numpy.frombuffer(data[entry["data_offsets"][0]:entry["data_offsets"][1]], kinds[entry["dtype"]])
            .reshape(entry["shape"]).copy())
        for name, entry in header.items() if name != "__metadata__"
    }


def norm(x, w, name):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], EPS)


def linear(x, w, name):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def attend(q, k, v, heads):
    b, n, d = q.shape
    q, k, v = (t.reshape(b, n, heads, d // heads).transpose(1, 2) for t in (q, k, v))
    weights = (q @ k.transpose(-2, -1) * (d // heads) ** -0.5).softmax(-1)
    return (weights @ v).transpose(1, 2).reshape(b, n, d)


def timm_block(x, w, name, heads):
    q, k, v = linear(norm(x, w, name + "norm1"), w, name + "attn.qkv").chunk(3, -1)
    x = x + linear(attend(q, k, v, heads), w, name + "attn.proj")
    return x + linear(F.gelu(linear(norm(x, w, name + "norm2"), w, name + "mlp.fc1")), w, name + "mlp.fc2")


def hf_block(x, w, name, heads):
    y = norm(x, w, name + "layernorm_before")
    q, k, v = (linear(y, w, name + "attention.attention." + part) for part in ("query", "key", "value"))
    x = x + linear(attend(q, k, v, heads), w, name + "attention.output.dense")
    y = F.gelu(linear(norm(x, w, name + "layernorm_after"), w, name + "intermediate.dense"))
    return x + linear(y, w, name + "output.dense")


def encode(images, w, names, block, heads, keep=None):
    """names: patch projection, class token, positions, blocks, final norm."""
    kernel = w[names[0] + ".weight"]
    x = F.conv2d(images, kernel, w[names[0] + ".bias"], stride=kernel.shape[-1]).flatten(2).transpose(1, 2)
    positions = w[names[2]]
    x = x + positions[:, 1:]
    if keep is not None:
        x = x.gather(1, keep[:, :, None].expand(-1, -1, x.shape[2]))
    x = torch.cat([(w[names[1]] + positions[:, :1]).expand(len(x), -1, -1), x], 1)
    depth = 0
    while any(name.startswith(names[3] + str(depth) + ".") for name in w):
        x = block(x, w, names[3] + str(depth) + ".", heads)
        depth += 1
    return norm(x, w, names[4])


def decode(latent, restore, w, config):
    x = linear(latent, w, "decoder.decoder_embed")
    masked = w["decoder.mask_token"].expand(len(x), restore.shape[1] + 1 - x.shape[1], -1)
    patches = torch.cat([x[:, 1:], masked], 1)
    patches = patches.gather(1, restore[:, :, None].expand(-1, -1, x.shape[2]))
    x = torch.cat([x[:, :1], patches], 1) + w["decoder.decoder_pos_embed"]
    for i in range(config["decoder_num_hidden_layers"]):
        x = hf_block(x, w, f"decoder.decoder_layers.{i}.", config["decoder_num_attention_heads"])
    return linear(norm(x, w, "decoder.decoder_norm"), w, "decoder.decoder_pred")


def main(folder):
    torch.set_grad_enabled(False)
    ours = read(folder + "/ours.safetensors")
    images, heads = ours["images"], int(ours["heads"])
    failed = False

    def compare(what, theirs, expected):
        nonlocal failed
        worst = (theirs - expected).abs().max().item()
        failed |= not worst <= LIMIT or theirs.shape != expected.shape
        print(f"parity: {what}: {list(expected.shape)}, largest difference {worst:.2e}, "
              f"largest value {expected.abs().max().item():.2f}")

    timm = read(folder + "/timm.safetensors")
    names = ("patch_embed.proj", "cls_token", "pos_embed", "blocks.", "norm")
    compare("timm, all tokens", encode(images, timm, names, timm_block, heads), ours["tokens"])
    wide = {name: value.double() for name, value in timm.items()}
    compare("timm, all tokens, PyTorch in fp64", encode(images.double(), wide, names, timm_block, heads),
            ours["tokens"].double())

    def hf(prefix):
        return tuple(prefix + name for name in (
            "embeddings.patch_embeddings.projection", "embeddings.cls_token", "embeddings.position_embeddings",
            "encoder.layer.", "layernorm"))

    config = json.load(open(folder + "/hf-vit/config.json"))
    vit = read(folder + "/hf-vit/model.safetensors")
    tokens = encode(images, vit, hf("vit."), hf_block, config["num_attention_heads"])
    compare("ViTForImageClassification, all tokens", tokens, ours["tokens"])
    compare("ViTForImageClassification, scores", linear(tokens[:, 0], vit, "classifier"), ours["scores"])

    config = json.load(open(folder + "/hf-vitmae/config.json"))
    mae = read(folder + "/hf-vitmae/model.safetensors")
    order = ours["noise"].argsort(1)
    visible = int(order.shape[1] * (1 - config["mask_ratio"]))
    latent = encode(images, mae, hf("vit."), hf_block, config["num_attention_heads"], order[:, :visible])
    compare("ViTMAEForPreTraining, all predictions", decode(latent, order.argsort(1), mae, config), ours["predictions"])
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
