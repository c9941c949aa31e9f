# Reads a record of `attend translate --record` with numpy alone.
import json
import sys

import numpy as np

archive = np.load(sys.argv[1])


def document(name):
    return json.loads(archive[name])


def text(about):
    return bytes(archive[about["text"]]).decode()


for index in range(document("record.json")["records"]):
    record = document(f"{index}/record.json")
    source, best = record["source"], record["hypotheses"][0]
    print(text(source), "->", text(best))
    # The nodes of the search tree that lead to the best hypothesis, one a target token.
    parents, node, path = archive[record["nodes"]][:, 0], best["last_node"], []
    while node >= 0:
        path.append(node)
        node = parents[node]
    for attention in record["maps"]:
        weights = archive[attention["weights"]].astype(np.float32)  # [heads, rows, columns]
        if attention["rows"] == "node":
            weights = weights[:, path[::-1]]  # [heads, target tokens, columns]
        print(attention["site"], attention["layer"], weights.shape, weights.sum(-1).round(2).tolist())
    # Maps that were too large to be stored: what is known of them, and a corner of the first head computed from queries and keys.
    for attention in record.get("summaries", []):
        entropy = archive[attention["entropy"]]  # [heads, rows], in nats
        shape = (attention["heads"], attention["row_count"], attention["column_count"])
        print(attention["site"], attention["layer"], shape, "entropy", entropy.mean(1).round(2).tolist())
        for level in attention.get("levels", []):
            blocks = archive[level["mean"]]  # [heads, blocks of rows, blocks of columns]
            print("  blocks of", level["row_block"], "x", level["column_block"], blocks.shape)
        tiles = attention.get("tiles", {})
        if tiles.get("score") == "product" and not {"slopes", "by_distance"} & tiles.keys():
            query, key = (archive[tiles[name]][0, :5].astype(np.float32) for name in ("query", "key"))  # [5, D]
            weights = np.exp(tiles["scale"] * query @ key.T - archive[attention["lse"]][0, :5, None])  # [5, 5]
            distance = np.arange(len(key)) - np.arange(len(query))[:, None] - (shape[2] - shape[1])  # of a column from its row's own
            seen = (-tiles.get("left", np.inf) <= distance) & (distance <= tiles.get("right", np.inf))
            print("  corner", np.where(seen, weights, 0).round(3).tolist())
