#!/usr/bin/env python3
"""Makes tiny_v1_0.npz, the file of records in format 1.0 that every later reader must read.

Written with NumPy alone, from the description in docs/schemas/attend.record.schema.json and not with Attend's own writer, so the
test also shows that the description suffices. The content is the worked example "I love you" -> 我爱你: one scaled-dot head with
its weights to four places, a second hypothesis that was pruned, and fields a reader of 1.0 does not know.

    python3 make_tiny_v1_0.py    # writes beside itself
"""
import json
import pathlib
import zipfile

import numpy as np


def tokens(rows):
    return np.array(rows, dtype=np.int64).reshape(-1, 5)


source = "I love you"
target = "我爱你"
other = "我"
record = {
    "sentence": 41,
    "task": "translate",
    "model": "transformer",
    "mechanism": "scaled_dot",
    "options": {"beam": "2"},
    "forced": False,
    "source": {"text": "0/source.text", "tokens": "0/source.tokens"},
    "nodes": "0/nodes",
    "node_scores": "0/nodes.scores",
    "hypotheses": [
        {"text": "0/hypothesis0.text", "tokens": "0/hypothesis0.tokens", "last_node": 4, "comment": "not of 1.0"},
        {"text": "0/hypothesis1.text", "tokens": "0/hypothesis1.tokens", "last_node": 2},
    ],
    "hypothesis_scores": "0/hypotheses.scores",
    "maps": [
        {"site": "decoder.cross", "layer": 0, "kind": "softmax", "rows": "node", "columns": "source", "weights": "0/cross"},
        {"site": "decoder.self", "layer": 0, "kind": "softmax", "rows": "node", "columns": "step", "weights": "0/self"},
    ],
    "scalars": [{"name": "p_gen", "values": "0/p_gen"}],
    "something_of_a_later_version": [1, 2, 3],
}
wo, ai, ni = [0.7153, 0.0216, 0.2631], [0.0440, 0.8835, 0.0725], [0.2631, 0.0216, 0.7153]
arrays = {
    "0/source.text": np.frombuffer(source.encode(), dtype=np.uint8),
    "0/source.tokens": tokens([[10, 0, 1, 0, 0], [11, 2, 6, 1, 0], [12, 7, 10, 2, 0]]),
    "0/hypothesis0.text": np.frombuffer(target.encode(), dtype=np.uint8),
    "0/hypothesis0.tokens": tokens([[20, 0, 3, 0, 0], [21, 3, 6, 0, 0], [22, 6, 9, 0, 0], [3, 9, 9, 0, 1]]),
    "0/hypothesis1.text": np.frombuffer(other.encode(), dtype=np.uint8),
    "0/hypothesis1.tokens": tokens([[20, 0, 3, 0, 0], [3, 3, 3, 0, 1]]),
    # parent, step, token, end: 我 then 爱 or </s>, 爱 then 你 then </s>
    "0/nodes": np.array([[-1, 0, 20, 0], [0, 1, 21, 0], [0, 1, 3, 1], [1, 2, 22, 0], [3, 3, 3, 1]], dtype=np.int64),
    "0/nodes.scores": np.array([[-0.125, -0.125], [-0.25, -0.375], [-2, -2.125], [-0.5, -0.875], [0, -0.875]], dtype=np.float32),
    "0/hypotheses.scores": np.array([[-0.875, -0.21875], [-2.125, -1.0625]], dtype=np.float64),
    "0/cross": np.array([[wo, ai, [0, 0, 0], ni, [0, 0, 1]]], dtype=np.float32),
    "0/self": np.array([[[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.5, 0], [0, 0, 0, 1]]], dtype=np.float16),
    "0/p_gen": np.array([0.5, 0.25, 1, 0.75, 0], dtype=np.float32),
}
index = {
    "schema": "attend.record",
    "version": [1, 0],
    "records": 1,
    "token_columns": ["id", "begin", "end", "word", "special"],
    "node_columns": ["parent", "step", "token", "end"],
}

path = pathlib.Path(__file__).with_name("tiny_v1_0.npz")
with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

    def member(name):
        return zipfile.ZipInfo(name)  # dated 1980-01-01, so the same script gives the same bytes

    for name, array in arrays.items():
        with archive.open(member(name + ".npy"), "w", force_zip64=True) as out:
            np.lib.format.write_array(out, array, allow_pickle=False)
    archive.writestr(member("0/record.json"), json.dumps(record))
    archive.writestr(member("record.json"), json.dumps(index))
