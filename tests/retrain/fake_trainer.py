"""A trainer that learns nothing and speaks as the real one does: `python fake_trainer.py JOB.json`.

What it is to do is in the job's hyperparameters: `fake` names a behaviour, `at` the epoch of it, `epoch_s` how long an
epoch takes. `resume` is obeyed: the checkpoint is the number of the epoch.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)  # noqa: T201


def save(folder: Path, epoch: int) -> None:
    for name in ("last.pt", "best.pt"):
        (folder / name).write_text(str(epoch))


def main(path: Path) -> int:
    job = json.loads(path.read_text())
    work = Path(job["work"])
    if job["task"] == "export":
        network = work / "network.onnx"
        network.write_bytes(Path(job["model"]).read_bytes())
        tell("done", network=str(network))
        return 0
    told = threading.Event()
    how, at = job["hyperparameters"].get("fake", ""), job["hyperparameters"].get("at", 2)
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    begun = int(Path(job["resume"]).read_text()) if job.get("resume") else 0
    saved = work / "checkpoint"
    saved.mkdir(exist_ok=True)
    save(saved, begun)  # all that there is, if it was cut off after its last epoch
    (work / "jobs").mkdir(exist_ok=True)
    (work / "jobs" / f"{len(list((work / 'jobs').iterdir()))}.json").write_text(json.dumps(job))
    sys.stderr.write("the fake trainer starts\n\x1b[Kmany\x1b[0m colours\n")
    batch, score = job["batch"] or 16, 0.0
    tell("started", device="fake", pictures=24, epochs=job["epochs"], first_epoch=begun + 1, batch=batch, sends=[])
    for epoch in range(begun + 1, job["epochs"] + 1):
        if epoch == at and not (how == "memory" and batch < 16):
            if how == "crash":
                sys.stderr.write("Traceback: the head fell off\n")
                return 3
            if how == "hang":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                threading.Event().wait(600)
            if how in ("disk_full", "bad_data"):
                tell("failed", kind=how, message="OSError: [Errno 28] No space left on device")
                return 1
            if how == "memory":
                tell("failed", kind="out_of_memory", message="CUDA out of memory")
                return 1
            if how == "wait":
                (work / "waiting").touch()
                told.wait(300)
        if told.is_set():
            tell("interrupted", checkpoint=str(saved / "last.pt"))
            return 75
        save(saved, epoch)
        tell("checkpoint", epoch=epoch, last=str(saved / "last.pt"), best=str(saved / "best.pt"))
        score = job["hyperparameters"].get("lr0", 0.5) * epoch / job["epochs"]
        told.wait(job["hyperparameters"].get("epoch_s", 0))
        tell("epoch", epoch=epoch, epochs=job["epochs"], map50=score, map50_95=score / 2, losses={}, seconds=0.1)
    if job["track"] != "none":
        (work / "mlruns").mkdir()
        (work / "mlruns" / "run").write_text("followed")
    tell("done", best=str(saved / "best.pt"), last=str(saved / "last.pt"), metrics={"map50": score})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
