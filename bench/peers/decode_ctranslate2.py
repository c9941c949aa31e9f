"""The peer of bench/decoding.py: CTranslate2 with the weights of one of our Transformers, decoding the same tokens.

    decode_ctranslate2.py convert MODEL FOLDER      a folder of CTranslate2 from ours (Transformer, pre-norm, sinusoids, tied)
    decode_ctranslate2.py run FOLDER IDS --batch 1 --beam 1 --compute float32 --threads 1 --passes 3
"""
import argparse
import json
import os
import time
from pathlib import Path

import numpy as np


def sinusoids(positions, size):
    rate = np.exp(np.arange(0, size, 2) * (-np.log(10000.0) / size))
    table = np.zeros((positions, size))
    table[:, 0::2] = np.sin(np.arange(positions)[:, None] * rate)
    table[:, 1::2] = np.cos(np.arange(positions)[:, None] * rate)
    return table.astype(np.float32)


def convert(model, folder, heads):
    import ctranslate2
    from safetensors.numpy import load_file

    weights = load_file(str(Path(model) / "weights.safetensors"))
    layers = [1 + max(int(name.split(".")[0].rsplit("_", 1)[1]) for name in weights if name.startswith(f"{side}_") and name[len(side) + 1].isdigit())
              for side in ("encoder", "decoder")]
    spec = ctranslate2.specs.TransformerSpec.from_config(tuple(layers), heads, pre_norm=True,
                                                         activation=ctranslate2.specs.Activation.RELU)
    size = weights["target_embedding.weight"].shape[1]

    def put(layer, name):
        layer.weight = weights[f"{name}weight"]
        layer.bias = weights[f"{name}bias"]

    def put_norm(norm, name):
        norm.gamma, norm.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def together(layer, name, parts):
        layer.weight = np.concatenate([weights[f"{name}.{part}_weight"] for part in parts])
        layer.bias = np.concatenate([weights[f"{name}.{part}_bias"] for part in parts])

    def put_layer(layer, name):
        together(layer.self_attention.linear[0], f"{name}.self", ("query", "key", "value"))
        put(layer.self_attention.linear[1], f"{name}.self.output_")
        put_norm(layer.self_attention.layer_norm, f"{name}.around_self.norm")
        put(layer.ffn.linear_0, f"{name}.feed_forward.in.")
        put(layer.ffn.linear_1, f"{name}.feed_forward.out.")
        put_norm(layer.ffn.layer_norm, f"{name}.around_feed_forward.norm")

    for i, layer in enumerate(spec.encoder.layer):
        put_layer(layer, f"encoder_{i}")
    for i, layer in enumerate(spec.decoder.layer):
        put_layer(layer, f"decoder_{i}")
        put(layer.attention.linear[0], f"decoder_{i}.cross.query_")
        together(layer.attention.linear[1], f"decoder_{i}.cross", ("key", "value"))
        put(layer.attention.linear[2], f"decoder_{i}.cross.output_")
        put_norm(layer.attention.layer_norm, f"decoder_{i}.around_cross.norm")
    put_norm(spec.encoder.layer_norm, "encoder_norm")
    put_norm(spec.decoder.layer_norm, "decoder_norm")
    table = weights["target_embedding.weight"]
    source = spec.encoder.embeddings[0] if isinstance(spec.encoder.embeddings, list) else spec.encoder.embeddings
    source.weight = spec.decoder.embeddings.weight = table
    spec.encoder.scale_embeddings = spec.decoder.scale_embeddings = True
    spec.encoder.position_encodings.encodings = spec.decoder.position_encodings.encodings = sinusoids(512, size)
    spec.decoder.projection.weight = table
    spec.decoder.projection.bias = weights["output_bias"]
    names = [f"<{i}>" for i in range(table.shape[0])]  # unknown, padding, begin and end are our ids 0 to 3
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = names[0], names[2], names[3]
    spec.config.decoder_start_token = names[2]
    spec.config.add_source_bos = spec.config.add_source_eos = False
    spec.validate()
    spec.optimize()
    os.makedirs(folder, exist_ok=True)
    spec.save(folder)


def run(options):
    import ctranslate2

    ids = json.loads(Path(options.ids).read_text(encoding="utf-8"))
    sources = [[f"<{i}>" for i in source] for source in ids["sources"]]
    model = ctranslate2.Translator(options.folder, device="cpu", compute_type=options.compute, inter_threads=1, intra_threads=options.threads)

    def translate():
        return model.translate_batch(sources, max_batch_size=options.batch, beam_size=options.beam, length_penalty=0,
                                     max_decoding_length=options.longest, max_input_length=0, return_end_token=True)

    found = translate()
    best = 1e30
    for _ in range(options.passes):
        start = time.perf_counter()
        translate()
        best = min(best, time.perf_counter() - start)
    written = [[int(token[1:-1]) for token in result.hypotheses[0]] for result in found]
    same = sum(a == b for a, b in zip(written, ids["targets"]))
    tokens = sum(len(x) for x in written)
    print(json.dumps({"tokens_per_second": tokens / best, "tokens": tokens, "seconds": best, "same": same, "of": len(written),
                      "ctranslate2": ctranslate2.__version__}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    first = verbs.add_parser("convert")
    first.add_argument("model")
    first.add_argument("folder")
    first.add_argument("--heads", type=int, default=4)
    second = verbs.add_parser("run")
    second.add_argument("folder")
    second.add_argument("ids")
    for name, usual in (("batch", 1), ("beam", 1), ("threads", 1), ("passes", 3), ("longest", 60)):
        second.add_argument(f"--{name}", type=int, default=usual)
    second.add_argument("--compute", default="float32")
    options = parser.parse_args()
    if options.verb == "convert":
        convert(options.model, options.folder, options.heads)
    else:
        run(options)


if __name__ == "__main__":
    main()
