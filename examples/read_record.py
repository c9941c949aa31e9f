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
