#!/usr/bin/env python3
"""Studies on a GPU that is read through NVML (the simulated library): nothing is locked without consent, what is locked is seen
under load, and whatever happens to the study, the clock comes back.

  study_test.py --build DIR
"""
import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from clock_restore_trials import Bench, Failed, wait_for  # noqa: E402

STUDY = """schema = "phasewatt-study/1"
name = "live"
repeats = 1
models = ["llama-3.2-1b"]
batch_sizes = [4]
clocks = [1200, 1201, 1980, "stock"]
baseline = "stock"
[device]
kind = "nvml"
[measure]
warmup_s = 0
warmup_max_s = 0
window_s = 1.5
stacked_s = 0
reference_every = 0
[decoding]
max_new_tokens = {tokens}
[[datasets]]
name = "truthfulqa"
sample = "first:4"
"""


def check(truth: bool, what: str):
    if not truth:
        raise Failed(what)


class StudyBench(Bench):
    def __init__(self, build: pathlib.Path, folder: pathlib.Path):
        super().__init__({"clockd": str(build / "apps/clockd/phasewatt-clockd"), "client": "",
                          "ctl": str(build / "apps/nvml_sim/phasewatt-nvml-sim-ctl"),
                          "library": str(build / "apps/nvml_sim/libphasewatt-nvml-sim.so")}, folder)
        self.program = str(build / "apps/cli/phasewatt")
        self.env["PHASEWATT_NVML_LIBRARY"] = self.tools["library"]
        self.env["XDG_STATE_HOME"] = str(folder / "state")
        for name, tokens in (("short", 40), ("long", 600)):
            (folder / f"{name}.toml").write_text(STUDY.format(tokens=tokens))
        real = STUDY.replace("llama-3.2-1b", "synthetic:tiny").replace("[device]", '[engine]\nkind = "libtorch"\n[device]')
        (folder / "real.toml").write_text(real.format(tokens=40).replace('[1200, 1201, 1980, "stock"]', '"stock"'))
        (folder / "stock.toml").write_text(STUDY.format(tokens=40).replace('[1200, 1201, 1980, "stock"]', '["stock"]'))

    def command(self, *arguments, consent: bool):
        where = ["--clockd-socket", str(self.socket), *(["--allow-clock-control"] if consent else [])]
        return [self.program, "study", *map(str, arguments), *where]

    def study(self, *arguments, consent: bool, expect: int = 0) -> str:
        done = subprocess.run(self.command(*arguments, consent=consent), env=self.env, capture_output=True, text=True, cwd=self.folder)
        check(done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def stock(self):
        """A reset that was asked for is in force some milliseconds later."""
        wait_for("the stock clock", lambda: self.truth()["lock"]["in_force"] is None)

    def sql(self, database: str, query: str) -> list:
        rows = subprocess.run(["sqlite3", "-json", "-cmd", ".timeout 5000", self.folder / database, query], check=True,
                              capture_output=True, text=True)
        return json.loads(rows.stdout or "[]")

    def tables(self, database: str) -> list:
        return self.sql(database, "SELECT name FROM sqlite_master WHERE name = 'run'")

    def points(self, database: str) -> list:
        return self.sql(database, "SELECT sm_mhz_asked, sm_mhz_snapped, sm_mhz_seen, energy_method FROM run")

    def verdict(self, *event) -> str:
        """Of a stock point during which `event` is injected into the simulated GPU."""
        subprocess.run([self.tools["ctl"], *map(str, event)], env=self.env, check=True, capture_output=True)
        self.study("run", "stock.toml", "--output", "verdict.db", "--force", consent=False)
        subprocess.run([self.tools["ctl"], "clear", "0"], env=self.env, check=True, capture_output=True)
        query = "SELECT validity || ' ' || group_concat(reason) FROM run JOIN run_reason USING (point_index)"
        return subprocess.run(["sqlite3", self.folder / "verdict.db", query], check=True, capture_output=True, text=True).stdout

    def start_long(self) -> subprocess.Popen:
        """A study that has locked a clock and computes."""
        before = len(self.changes())
        process = subprocess.Popen(self.command("run", "long.toml", "--output", "long.db", "--force", consent=True), env=self.env,
                                   cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("a lock", lambda: len(self.changes()) > before and self.truth()["lock"]["in_force"] is not None)
        return process


def observe(bench: StudyBench):
    said = bench.study("run", "short.toml", "--output", "observed.db", consent=False)
    check("observe mode" in said and "left out: 1200, 1980 MHz" in said, f"what is left out is not said:\n{said}")
    said = bench.study("run", "short.toml", "--dry-run", consent=True)
    check(f"would lock {bench.gpu} to 1200, 1980 MHz" in said, f"a dry run does not say what it would lock:\n{said}")
    check(not bench.changes(), "a clock was changed without consent, or by a dry run")
    check([p["sm_mhz_asked"] for p in bench.points("observed.db")] == [None], "observe mode measures the stock clock alone")
    said = bench.study("resume", "observed.db", consent=True, expect=3)
    check("began without locking clocks" in said, f"what differs is not named:\n{said}")


def real_engine(bench: StudyBench):
    """A real engine at the stock clock: with and without consent nobody locks or resets one, and nobody asks who could."""
    found = subprocess.run([bench.program, "doctor", "--json"], env=bench.env, check=True, capture_output=True, text=True).stdout
    if not any(f["name"] == "libtorch" and f["state"] == "yes" for f in json.loads(found)):
        print("real_engine: skipped, built without the embedded engine")
        return
    for consent in (False, True):
        bench.study("run", "real.toml", "--output", "real.db", "--force", consent=consent)
        check(not bench.truth()["lock_log"], f"a clock was touched: {bench.truth()['lock_log']}")
        point = bench.points("real.db")[0]
        check(point["sm_mhz_asked"] is None and point["energy_method"] == "counter_delta", f"not measured at stock: {point}")


def locked(bench: StudyBench):
    said = bench.study("run", "short.toml", "--output", "locked.db", consent=True)
    check("1200 and 1201 MHz both snap to 1200 MHz" in said, f"the plan does not say that two clocks are one:\n{said}")
    for point in bench.points("locked.db"):
        wanted = point["sm_mhz_snapped"] or 1980
        check(abs(point["sm_mhz_seen"] - wanted) <= 15, f"asked and seen differ: {point}")
        check(point["energy_method"] == "counter_delta", f"the energy is not the counter's: {point}")
    check(bench.changes()[-1]["change"] == "reset", "the study ended and left a lock")
    bench.stock()
    check([c["change"] for c in bench.changes()].count("set") >= 2, "nothing was locked")


def gates(bench: StudyBench):
    """What spoils a point is seen."""
    # The lock of somebody else's stays, as a real one would: it comes last.
    for reason, verdict, *event in (("sensor_stuck", "degraded", "inject", 0, "stuck_sensor"),
                                    ("foreign_process", "void", "inject", 0, "foreign_process", "--pid", 1),
                                    ("foreign_lock", "void", "inject", 0, "foreign_lock", "--value", 1005)):
        said = bench.verdict(*event)
        check(reason in said and said.startswith(verdict), f"{reason} was not seen: {said}")


def killed(bench: StudyBench):
    process = bench.start_long()
    begin = bench.hit(process.pid, signal.SIGKILL)
    process.wait()
    bench.back(begin)
    said = bench.study("resume", "long.db", consent=False, expect=8)
    check("--allow-clock-control" in said, f"resuming does not ask for consent again:\n{said}")


def interrupted(bench: StudyBench):
    process = bench.start_long()
    begin = bench.hit(process.pid, signal.SIGINT)
    bench.hit(process.pid, signal.SIGINT)  # at once, not after the batch
    check(process.wait() == 130, "an interrupted study ends with 130")
    bench.back(begin)


def calibrated(bench: StudyBench):
    """A study that goes on does so with the calibration it began with, and not with another driver."""
    two = (bench.folder / "stock.toml").read_text().replace("batch_sizes = [4]", "batch_sizes = [4, 8]")
    (bench.folder / "two.toml").write_text(two)
    process = subprocess.Popen(bench.command("run", "two.toml", "--output", "two.db", consent=False), env=bench.env,
                               cwd=bench.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("the first point", lambda: (bench.folder / "two.db").exists() and bench.tables("two.db") and bench.points("two.db"))
    process.send_signal(signal.SIGINT)
    check(process.wait() == 130 and len(bench.points("two.db")) == 1, "the study was to end after its first point")

    kept = "SELECT text FROM study_calibration WHERE name LIKE 'sensors.%'"
    before = bench.sql("two.db", kept)
    check(len(before) == 1, f"no calibration is kept: {before}")
    made = json.loads(before[0]["text"])
    check(made["assumed"], "a card that was never calibrated")
    made.update(assumed=False, made_utc="2026-01-02T03:04:05Z", program_version="1")
    file = bench.folder / "state/phasewatt/calibration" / f"{made['device_id']}@{made['driver']}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(made))

    driver = bench.sql("two.db", "SELECT driver FROM study")[0]["driver"]
    bench.sql("two.db", "UPDATE study SET driver = '1.2.3'")
    said = bench.study("resume", "two.db", consent=False, expect=3)
    check("began with driver 1.2.3" in said, f"another driver goes unnoticed:\n{said}")
    bench.sql("two.db", f"UPDATE study SET driver = '{driver}', device_id = 'GPU-other'")
    said = bench.study("resume", "two.db", consent=False, expect=3)
    check("began with device GPU-other" in said, f"another GPU goes unnoticed:\n{said}")
    bench.sql("two.db", f"UPDATE study SET device_id = '{made['device_id']}'")
    said = bench.study("resume", "two.db", consent=False)
    check("is not the one that the study began with" in said, f"another calibration goes unnoticed:\n{said}")
    remarks = bench.sql("two.db", "SELECT point_index FROM run_reason WHERE reason = 'not_calibrated'")
    check(len(remarks) == 2 and bench.sql("two.db", kept) == before, "both points are to be evaluated alike")

    bench.sql("two.db", "UPDATE study_calibration SET text = '{' WHERE name LIKE 'sensors.%'")
    said = bench.study("resume", "two.db", consent=False, expect=3)
    check("study_calibration" in said and "damaged" in said, f"a damaged calibration is not named:\n{said}")
    bench.sql("two.db", "DELETE FROM study_calibration WHERE name LIKE 'sensors.%'")
    said = bench.study("resume", "two.db", consent=False)
    check("did not keep its calibration" in said, f"a study of an older version goes on without a word:\n{said}")


def lost(bench: StudyBench):
    """The helper ends in the middle: the study must not call such a point good."""
    process = bench.start_long()
    bench.daemon.terminate()
    check(process.wait() != 0, "a study that lost its lock ends as if nothing had happened")
    check(bench.changes()[-1]["change"] == "reset", "the helper ended and left a lock")
    bench.stock()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    build = parser.parse_args().build.resolve()
    for trial in (observe, real_engine, locked, gates, killed, interrupted, calibrated, lost):
        with tempfile.TemporaryDirectory(prefix="phasewatt-study-") as folder:
            bench = StudyBench(build, pathlib.Path(folder))
            try:
                bench.start_daemon()
                trial(bench)
                print(f"{trial.__name__}: ok", flush=True)
            except Failed as failure:
                print(f"{trial.__name__}: {failure}")
                return 1
            finally:
                bench.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
