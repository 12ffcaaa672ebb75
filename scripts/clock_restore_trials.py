#!/usr/bin/env python3
"""Kills clients and helpers of the clock lease in every way, on a simulated GPU, and looks whether the clock comes back.

  clock_restore_trials.py [--runs 100] [--limit-ms 250] [--build build/dev] [--scenario NAME]...

Each run starts from a stock clock, locks one, does what the scenario says, and waits until the simulated GPU runs at its stock
clock, by its own log. It fails when the clock does not come back, when a lock stands that the journal does not know, or when
the journal is left over. A run in which the clock came back before the blow has tested nothing and is repeated, a few times at
most. Times run from the blow (or from the start of the helper where a helper has to start again) until the stock clock is in
force, of which about 17 ms are the simulated GPU's own; with --limit-ms a slower one fails too. Nothing real is touched.
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
LEASE_S = 1.0  # of the helpers here; the default is 2 s
PATIENCE_S = 60  # until something counts as not having happened, on any machine
MHZ = 1200


class Failed(Exception):
    pass


class Spoiled(Exception):
    """The client stood still for longer than the lease on a busy machine, so that the run tested something else."""


def wait_for(what: str, check):
    """What `check` returns, once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.002)
    raise Failed(f"{what} did not happen in {PATIENCE_S} s")


class Bench:
    """One simulated GPU, one state folder, and whatever runs on them."""

    def __init__(self, tools: dict, folder: pathlib.Path):
        self.tools, self.folder = tools, folder
        self.socket, self.journal = folder / "clockd.sock", folder / "state" / "clockd.journal"
        config = folder / "sim.toml"
        # Whoever runs this need not be root; the clock follows at once.
        config.write_text('schema = "nvml-sim/1"\nnoise = false\n[[gpu]]\nspec = "h200-sxm"\npermission = "any"\n')
        self.env = dict(os.environ, PHASEWATT_NVML_SIM_STATE=str(folder / "gpu.state"), PHASEWATT_NVML_SIM_CONFIG=str(config))
        self.gpu = self.truth()["uuid"]
        self.daemon = self.client = None
        self.helper_pid = 0

    def truth(self) -> dict:
        return json.loads(subprocess.run([self.tools["ctl"], "state"], env=self.env, check=True, capture_output=True).stdout)["gpus"][0]

    def changes(self) -> list:
        return [entry for entry in self.truth()["lock_log"] if entry["change"] in ("set", "reset")]

    def arguments(self) -> list:
        return ["--state-dir", str(self.folder / "state"), "--nvml-library", self.tools["library"], "--lease", str(LEASE_S),
                "--switches-per-second", "1000"]

    def start_daemon(self) -> int:
        """Starts it and waits until it listens; returns when it was started."""
        self.socket.unlink(missing_ok=True)
        if self.daemon is not None:
            self.daemon.wait()
        begin = time.monotonic_ns()
        with open(self.folder / "clockd.err", "w") as log:
            self.daemon = subprocess.Popen([self.tools["clockd"], "--socket", str(self.socket), *self.arguments()], env=self.env,
                                           stderr=log, start_new_session=True)
        wait_for("the daemon's socket", lambda: self.socket.exists() or self.daemon.poll() is not None)
        if self.daemon.poll() is not None:
            raise Failed("the daemon did not start: " + (self.folder / "clockd.err").read_text())
        return begin

    def restore(self) -> int:
        """What a service manager runs after the daemon has ended."""
        begin = time.monotonic_ns()
        subprocess.run([self.tools["clockd"], "--restore", *self.arguments()], env=self.env, check=True, capture_output=True)
        return begin

    def start_client(self, child: bool = False, mhz: int = MHZ):
        where = ["--helper", self.tools["clockd"]] if child else ["--socket", str(self.socket)]
        self.client = subprocess.Popen([self.tools["client"], *where, self.gpu, str(mhz), *(self.arguments() if child else [])],
                                       env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True, start_new_session=True)
        line = self.client.stdout.readline()
        if not line.startswith("locked"):
            raise Failed(f"the client did not lock: {line}")
        self.helper_pid = int(line.split()[2]) or (self.daemon.pid if self.daemon else 0)
        if not self.journal.exists():
            raise Failed("a lock stands that the journal does not know")

    def hit(self, pid: int, number: int) -> int:
        now = time.monotonic_ns()
        os.kill(pid, number)
        return now

    def stop_all(self):
        for process in (self.client, self.daemon):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            if process is not None:
                process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        stream.close()

    def back(self, since_ns: int) -> float:
        """Waits until the GPU is at its stock clock again; returns the milliseconds since `since_ns`."""
        def at_stock():
            truth = self.truth()
            log, lock = truth["lock_log"], truth["lock"]
            resets = [entry for entry in log if entry["change"] == "reset"]
            return (log[-1], resets[-1]) if resets and lock["in_force"] is None and lock["in_force_at_ns"] is None else None
        in_force, reset = wait_for("the reset", at_stock)
        # The simulation runs on a grid of 1 ms.
        if (reset["at_ns"] - since_ns) / 1e6 < -2:
            raise Spoiled("the clock was back before the blow")
        wait_for("the removal of the journal", lambda: not self.journal.exists())
        return max((in_force["at_ns"] - since_ns) / 1e6, 0.0)


def client_dies(number):
    def run(bench: Bench, child: bool) -> float:
        bench.start_client(child)
        return bench.back(bench.hit(bench.client.pid, number))
    return run


def client_ends(bench: Bench, child: bool) -> float:
    bench.start_client(child)
    begin = time.monotonic_ns()
    bench.client.stdin.close()
    return bench.back(begin)


def client_stands_still(bench: Bench, child: bool) -> float:
    """Times count from the end of the lease. The client must notice when it goes on."""
    bench.start_client(child)
    took = bench.back(bench.hit(bench.client.pid, signal.SIGSTOP))
    os.kill(bench.client.pid, signal.SIGCONT)
    line = bench.client.stdout.readline()
    if not line.startswith("lost"):
        raise Failed(f"the client did not notice: {line}")
    return max(took - 1000 * LEASE_S, 0.0)


def helper_stops(number):
    def run(bench: Bench, child: bool) -> float:
        bench.start_client(child)
        took = bench.back(bench.hit(bench.helper_pid, number))
        line = bench.client.stdout.readline()
        if not line.startswith("lost"):
            raise Failed(f"the client did not notice: {line}")
        return took
    return run


def helper_dies(number, how: str):
    def run(bench: Bench, child: bool) -> float:
        bench.start_client(child)
        hit = bench.hit(bench.helper_pid, number)
        if child:  # the client that started it runs `--restore`
            return bench.back(hit)
        bench.daemon.wait()
        if bench.changes()[-1]["change"] != "set" or not bench.journal.exists():
            raise Failed("nothing was left to restore")
        return bench.back(bench.start_daemon() if how == "start" else bench.restore())
    return run


def kill_both(bench: Bench):
    """At one instant: stopped first, so that neither sees the other go."""
    os.kill(bench.helper_pid, signal.SIGSTOP)
    os.kill(bench.client.pid, signal.SIGKILL)
    bench.client.wait()
    os.kill(bench.helper_pid, signal.SIGKILL)
    wait_for("the end of the helper", lambda: not alive(bench.helper_pid))


def alive(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def both_die(bench: Bench, child: bool) -> float:
    bench.start_client(child)
    kill_both(bench)
    return bench.back(bench.restore() if child else bench.start_daemon())


def power_fails(bench: Bench, child: bool) -> float:
    """Everything dies at once, at any instant of a client that switches without pause; the next start finds the journal."""
    bench.start_client(child, mhz=0)
    time.sleep((time.monotonic_ns() % 20_000_000) / 1e9)
    kill_both(bench)
    if bench.changes()[-1]["change"] == "set" and not bench.journal.exists():
        raise Failed("a lock stands that the journal does not know")
    return bench.back(bench.restore() if child else bench.start_daemon())


def ctrl_c(bench: Bench, child: bool) -> float:
    """The terminal's whole foreground group is interrupted; the helper must live long enough."""
    bench.start_client(child)
    now = time.monotonic_ns()
    os.killpg(bench.client.pid, signal.SIGINT)
    return bench.back(now)


SCENARIOS = {
    "client: end": client_ends,
    "client: kill -9": client_dies(signal.SIGKILL),
    "client: SIGTERM": client_dies(signal.SIGTERM),
    "client: SIGINT": client_dies(signal.SIGINT),
    "client: crash (SIGSEGV)": client_dies(signal.SIGSEGV),
    "client: Ctrl-C to its group": ctrl_c,
    "client: SIGSTOP (after the lease)": client_stands_still,
    "helper: SIGTERM": helper_stops(signal.SIGTERM),
    "helper: SIGINT": helper_stops(signal.SIGINT),
    "helper: kill -9, started again": helper_dies(signal.SIGKILL, "start"),
    "helper: kill -9, --restore": helper_dies(signal.SIGKILL, "restore"),
    "helper: crash (SIGABRT)": helper_dies(signal.SIGABRT, "start"),
    "both: kill -9": both_die,
    "both: power-off while switching": power_fails,
}
DAEMON_ONLY = {"helper: kill -9, started again"}


def trial(tools: dict, scenario, child: bool) -> float:
    for _ in range(5):
        try:
            return play(tools, scenario, child)
        except Spoiled as spoiled:
            problem = spoiled
    raise Failed(str(problem))


def play(tools: dict, scenario, child: bool) -> float:
    with tempfile.TemporaryDirectory(prefix="phasewatt-lease-") as folder:
        bench = Bench(tools, pathlib.Path(folder))
        try:
            if not child:
                bench.start_daemon()
            return scenario(bench, child)
        finally:
            bench.stop_all()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--limit-ms", type=float)
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build" / "dev")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--helper", choices=["daemon", "child"], action="append", help="as what it runs (default: both)")
    options = parser.parse_args()
    build = options.build.resolve()
    tools = {"clockd": str(build / "apps/clockd/phasewatt-clockd"), "client": str(build / "tests/clockd/hold_clock"),
             "ctl": str(build / "apps/nvml_sim/phasewatt-nvml-sim-ctl"), "library": str(build / "apps/nvml_sim/libphasewatt-nvml-sim.so")}
    failures = 0
    print(f"{'scenario':<36}{'helper':<8}{'back':>9}{'median ms':>11}{'max ms':>9}")
    for name in options.scenario or SCENARIOS:
        for helper in options.helper or ["daemon", "child"]:
            if helper == "child" and name in DAEMON_ONLY:
                continue
            times, problems = [], []
            for _ in range(options.runs):
                try:
                    times.append(trial(tools, SCENARIOS[name], helper == "child"))
                    if options.limit_ms is not None and times[-1] > options.limit_ms:
                        problems.append(f"{times[-1]:.0f} ms")
                except Failed as failure:
                    problems.append(str(failure))
            failures += len(problems)
            numbers = f"{statistics.median(times):>11.1f}{max(times):>9.1f}" if times else ""
            print(f"{name:<36}{helper:<8}{f'{len(times)}/{options.runs}':>9}{numbers}", *problems[:3], flush=True)
    print("every clock came back" if failures == 0 else f"{failures} runs failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
