#!/usr/bin/env python3
"""phasewatt-clockd as a program: its flags, its socket's permissions, its journal, and `phasewatt clocks` beside it.

  program_test.py --build BUILD

Speaks the protocol by the table in docs/clock-lease.md, not by the header, so that the two cannot drift apart.
"""
import argparse
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
GPU, SPLIT = "GPU-aaaaaaaa-0000-0000-0000-000000000001", "GPU-bbbbbbbb-0000-0000-0000-000000000002"
BEAT, READ, LOCK, RESET = range(4)
OK, BAD_MESSAGE, NOT_PERMITTED, MIG, BUSY, OUT_OF_RANGE = 0, 1, 2, 5, 7, 8
CANNOT_KNOW, NOT_SEEN, SUSPECTED = range(3)
BUILD = pathlib.Path()


def request(op: int, gpu: str = "", value: int = 0, version: int = 1) -> bytes:
    return struct.pack("<IHHII48s", 0x4C435750, version, op, 7, value, gpu.encode())


class Reply:
    def __init__(self, packet: bytes):
        (magic, self.version, self.verdict, self.sequence, self.present, self.locked, self.seen, self.least, self.most,
         self.owner_pid, self.owner_uid, self.wait_ms, self.lease_ms, self.reasons, self.driver_code, self.foreign, reserved,
         gpu) = struct.unpack("<IHHIIIIIIIIIIQiHH48s", packet)
        assert (magic, reserved) == (0x4C435750, 0)
        self.gpu = gpu.rstrip(b"\0").decode()


class Client:
    def __init__(self, path: pathlib.Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, *words, **more) -> Reply:
        self.socket.send(request(*words, **more))
        return Reply(self.socket.recv(4096))


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="phasewatt-clockd-")))
        self.folder.chmod(0o755)
        config = self.folder / "sim.toml"
        config.write_text('schema = "nvml-sim/1"\nnoise = false\n'
                          '[[gpu]]\nspec = "h200-sxm"\npermission = "any"\nuuid = "' + GPU + '"\n'
                          '[[gpu]]\nspec = "h200-sxm"\npermission = "any"\nuuid = "' + SPLIT + '"\nmig = true\n')
        self.env = {name: value for name, value in os.environ.items() if name != "INVOCATION_ID"}
        self.env.update(PHASEWATT_NVML_SIM_STATE=str(self.folder / "gpu.state"), PHASEWATT_NVML_SIM_CONFIG=str(config),
                        LC_ALL="C.UTF-8")
        self.path, self.state = self.folder / "clockd.sock", self.folder / "state"
        self.library = str(BUILD / "apps/nvml_sim/libphasewatt-nvml-sim.so")
        self.program = str(BUILD / "apps/clockd/phasewatt-clockd")

    def run_program(self, *words, **env):
        return subprocess.run([self.program, *words], env=dict(self.env, **env), capture_output=True, text=True, timeout=120)

    def start(self, *words, **env) -> subprocess.Popen:
        daemon = subprocess.Popen([self.program, "--socket", str(self.path), "--state-dir", str(self.state),
                                   *(words or ("--nvml-library", self.library))],
                                  env=dict(self.env, **env), stderr=subprocess.PIPE, text=True)

        def stop():
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait()
            daemon.stderr.close()
        self.addCleanup(stop)
        deadline = time.monotonic() + 60
        while not self.path.exists() and daemon.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return daemon

    def log(self) -> list:
        ctl = str(BUILD / "apps/nvml_sim/phasewatt-nvml-sim-ctl")
        truth = json.loads(subprocess.run([ctl, "state"], env=self.env, check=True, capture_output=True).stdout)
        return [entry["change"] for entry in truth["gpus"][0]["lock_log"] if entry["change"] != "in_force"]

    def lock_program(self) -> str:
        """A client in one line of Python, to be run as somebody else; prints the verdict."""
        return (f"import socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\ns.connect({str(self.path)!r})\n"
                f"try: s.send({request(LOCK, GPU, 600)!r})\nexcept BrokenPipeError: pass\nprint(s.recv(4096)[6])")

    def test_help_is_the_manual_and_flags_are_checked(self):
        manual = (SOURCE / "docs/phasewatt-clockd.md").read_text()
        self.assertEqual(self.run_program("--help").stdout, manual)
        for words in (["--leas", "1"], ["--lease"], ["--lease", "0"], ["--lease", "nan"], ["--min-mhz", "-1"], ["serve"]):
            done = self.run_program(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("see phasewatt-clockd --help", done.stderr)
        for flag in ("--socket", "--group", "--state-dir", "--audit-file", "--lease", "--min-mhz", "--max-mhz",
                     "--switches-per-second", "--nvml-library", "--inherited-fd", "--restore", "--version"):
            self.assertIn(flag + " ", manual)

    def test_the_documented_protocol_is_spoken(self):
        self.start()
        with Client(self.path) as first, Client(self.path) as second:
            reply = first.ask(LOCK, GPU, 1207)
            self.assertEqual((reply.verdict, reply.sequence, reply.locked, reply.gpu), (OK, 7, 1200, GPU))
            self.assertEqual((reply.least, reply.most, reply.lease_ms), (345, 1980, 2000))
            self.assertEqual((reply.owner_pid, reply.owner_uid), (os.getpid(), os.getuid()))
            self.assertEqual(reply.present & 19, 19)
            busy = second.ask(LOCK, GPU, 600)
            self.assertEqual((busy.verdict, busy.owner_pid), (BUSY, os.getpid()))
            self.assertEqual(second.ask(READ, "", 0).gpu, GPU)
            self.assertEqual(second.ask(LOCK, SPLIT, 600).verdict, MIG)
            self.assertEqual(first.ask(LOCK, GPU, 200).verdict, OUT_OF_RANGE)
            self.assertEqual(second.ask(BEAT, version=2).verdict, BAD_MESSAGE)
            self.assertEqual(second.socket.recv(4096), b"", "whoever speaks another version is dropped")
            self.assertEqual(first.ask(BEAT).verdict, OK)
        self.assertEqual(self.log()[0], "set")

    def test_a_client_without_permission_changes_nothing(self):
        daemon = self.start()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o660)
        if os.geteuid() != 0:
            self.skipTest("needs root to become another user")
        speak = self.lock_program()

        def as_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        ask = lambda: subprocess.run(["/usr/bin/python3", "-c", speak], capture_output=True, text=True, preexec_fn=as_nobody)
        self.assertIn("PermissionError", ask().stderr)
        self.path.chmod(0o666)  # the mode alone is not trusted
        self.assertEqual(ask().stdout.strip(), str(NOT_PERMITTED))
        self.assertEqual(self.log(), [])
        daemon.send_signal(signal.SIGTERM)
        self.assertIn(f"refuse uid={NOBODY}", daemon.stderr.read())

    def test_members_of_the_group_may(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become another user")
        self.start("--nvml-library", self.library, "--group", "nogroup")
        import grp
        group = grp.getgrnam("nogroup").gr_gid
        speak = self.lock_program()

        def as_member():
            os.setgroups([group])
            os.setgid(12345)
            os.setuid(12345)
        done = subprocess.run(["/usr/bin/python3", "-c", speak], capture_output=True, text=True, preexec_fn=as_member)
        self.assertEqual(done.stdout.strip(), str(OK), done.stderr)

    def test_a_journal_that_cannot_be_read_means_every_gpu(self):
        self.state.mkdir()
        for number, text in enumerate(("who knows\n", "", "phasewatt-clockd journal 1\nnot a uuid\n"), 1):
            (self.state / "clockd.journal").write_text(text)
            done = self.run_program("--restore", "--state-dir", str(self.state), "--nvml-library", self.library)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.log(), ["reset"] * number)
            self.assertIn(f"journal uid=- gpu={GPU} from=- to=stock result=0", done.stderr)
            self.assertEqual(sorted(p.name for p in self.state.iterdir()), ["clockd.lock"])

    def test_restore_without_a_journal_touches_nothing(self):
        done = self.run_program("--restore", "--state-dir", str(self.state), "--nvml-library", "/nonexistent")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_service_takes_its_library_from_its_flags_alone(self):
        good, bad = self.library, "/nonexistent.so"
        refused = self.run_program("--state-dir", str(self.state), "--socket", str(self.path), PHASEWATT_NVML_LIBRARY=bad)
        self.assertIn("/nonexistent.so", refused.stderr)
        daemon = self.start("--nvml-library", good, PHASEWATT_NVML_LIBRARY=bad, INVOCATION_ID="1")
        self.assertIsNone(daemon.poll())
        refused = self.run_program("--state-dir", str(self.folder / "other"), "--socket", str(self.folder / "s"),
                                   "--nvml-library", bad, PHASEWATT_NVML_LIBRARY=good, INVOCATION_ID="1")
        self.assertIn("/nonexistent.so", refused.stderr)

    def test_a_lock_that_cannot_be_taken_back_is_tried_until_it_is(self):
        daemon = self.start()
        ctl = [str(BUILD / "apps/nvml_sim/phasewatt-nvml-sim-ctl")]
        with Client(self.path) as client:
            self.assertEqual(client.ask(LOCK, GPU, 600).verdict, OK)
            subprocess.run([*ctl, "inject", "0", "permission_denied"], env=self.env, check=True)
        while "result=4" not in daemon.stderr.readline():
            pass
        self.assertTrue((self.state / "clockd.journal").exists())
        subprocess.run([*ctl, "clear", "0"], env=self.env, check=True)
        while "result=0" not in daemon.stderr.readline():
            pass
        self.assertEqual(self.log(), ["set", "reset"])

    def test_a_socket_from_systemd_is_served(self):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self.path))
        listener.listen()
        # The service's own process id must stand in LISTEN_PID, so that a shell sets it and becomes the service.
        start = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@" 3<&{}'.format(listener.fileno())
        daemon = subprocess.Popen(["bash", "-c", start, self.program, "--state-dir", str(self.state), "--nvml-library",
                                   self.library], env=self.env, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        listener.close()
        with Client(self.path) as client:
            self.assertEqual(client.ask(LOCK, GPU, 600).verdict, OK)
        daemon.terminate()
        self.assertEqual(daemon.wait(timeout=120), 0)
        self.assertEqual(self.log(), ["set", "reset"])

    def test_another_writer_is_suspected_under_load_only(self):
        self.start()
        ctl = [str(BUILD / "apps/nvml_sim/phasewatt-nvml-sim-ctl")]

        def wait_for(client, foreign: int):
            deadline = time.monotonic() + 60
            while client.ask(READ, GPU).foreign != foreign:
                self.assertLess(time.monotonic(), deadline, f"other writer is not {foreign}")
                time.sleep(0.05)
        with Client(self.path) as client:
            self.assertEqual(client.ask(LOCK, GPU, 600).foreign, CANNOT_KNOW)
            wait_for(client, CANNOT_KNOW)
            subprocess.run([*ctl, "load", "0", "--watts", "200", "--for", "200"], env=self.env, check=True)
            wait_for(client, NOT_SEEN)
            subprocess.run([*ctl, "inject", "0", "foreign_lock", "--value", "1200"], env=self.env, check=True)
            wait_for(client, SUSPECTED)

    def test_root_resets_through_a_helper_of_its_own(self):
        phasewatt = BUILD / "apps/cli/phasewatt"
        if os.geteuid() != 0 or not phasewatt.exists():
            self.skipTest("needs root and the command line")
        done = subprocess.run([phasewatt, "clocks", "reset", "--gpu", GPU, "--socket", str(self.path), "--state-dir",
                               str(self.state)], env=dict(self.env, PHASEWATT_NVML_LIBRARY=self.library),
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (0, GPU + "  reset\n"), done.stderr)
        self.assertEqual(self.log(), ["reset"])
        self.assertIn("asked uid=0 pid=", (self.state / "clockd.log").read_text())

    def test_phasewatt_clocks(self):
        phasewatt = BUILD / "apps/cli/phasewatt"
        if not phasewatt.exists():
            self.skipTest("built without the command line")

        def clocks(*words):
            return subprocess.run([phasewatt, "clocks", *words, "--socket", str(self.path)], env=self.env,
                                  capture_output=True, text=True, timeout=120)
        self.assertEqual(clocks("show").returncode, 4)
        self.start()
        with Client(self.path) as client:
            client.ask(LOCK, GPU, 600)
            shown = json.loads(clocks("show", "--json").stdout)
            self.assertEqual([gpu["gpu"] for gpu in shown], [GPU, SPLIT])
            self.assertEqual((shown[0]["locked_mhz"], shown[0]["writer_pid"]), (600, os.getpid()))
            self.assertTrue(shown[1]["mig"])
            self.assertIn("locked at 600 MHz", clocks("show").stdout)
            refused = clocks("reset")
            self.assertEqual(refused.returncode, 8)
            self.assertIn(f"held by process {os.getpid()}", refused.stderr)
            self.assertEqual(self.log(), ["set"])
        done = clocks("reset", "--gpu", GPU)
        self.assertEqual((done.returncode, done.stdout), (0, GPU + "  reset\n"))
        self.assertEqual(clocks("reset", "--gpu", SPLIT).returncode, 7)
        self.assertEqual(self.log()[-1], "reset")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
