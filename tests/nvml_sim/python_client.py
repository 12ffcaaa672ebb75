#!/usr/bin/env python3
"""A client of NVML that shares no declaration with the library: ctypes with structures written after the public
interface, checked for layout and sense. Also runs phasewatt-nvml-sim-ctl.

    python_client.py LIBRARY CTL
"""
import ctypes as c
import json
import os
import subprocess
import sys
import tempfile
import time

LIBRARY, CTL = sys.argv[1:3]


class PciInfo(c.Structure):
    _fields_ = [("busIdLegacy", c.c_char * 16), ("domain", c.c_uint), ("bus", c.c_uint), ("device", c.c_uint),
                ("pciDeviceId", c.c_uint), ("pciSubSystemId", c.c_uint), ("busId", c.c_char * 32)]


class Value(c.Union):
    _fields_ = [("dVal", c.c_double), ("uiVal", c.c_uint), ("ulVal", c.c_ulong), ("ullVal", c.c_ulonglong),
                ("sllVal", c.c_longlong), ("siVal", c.c_int), ("usVal", c.c_ushort)]


class FieldValue(c.Structure):
    _fields_ = [("fieldId", c.c_uint32), ("scopeId", c.c_uint32), ("timestamp", c.c_int64), ("latencyUsec", c.c_int64),
                ("valueType", c.c_uint), ("nvmlReturn", c.c_uint), ("value", Value)]


class ProcessInfo(c.Structure):
    _fields_ = [("pid", c.c_uint), ("usedGpuMemory", c.c_ulonglong), ("gpuInstanceId", c.c_uint),
                ("computeInstanceId", c.c_uint)]


class Memory(c.Structure):
    _fields_ = [("total", c.c_ulonglong), ("free", c.c_ulonglong), ("used", c.c_ulonglong)]


def main() -> int:
    folder = tempfile.TemporaryDirectory()
    os.environ["PHASEWATT_NVML_SIM_STATE"] = os.path.join(folder.name, "state")
    config = os.path.join(folder.name, "rig.toml")
    with open(config, "w") as file:
        file.write('schema = "nvml-sim/1"\nnoise = false\n[[gpu]]\npermission = "any"\n')
    os.environ["PHASEWATT_NVML_SIM_CONFIG"] = config
    nvml = c.CDLL(LIBRARY)

    def call(name, *arguments, expect=0):
        result = getattr(nvml, name)(*arguments)
        assert result == expect, f"{name}: {result}, expected {expect}"

    def number(name, *arguments, kind=c.c_uint):
        out = kind()
        call(name, gpu, *arguments, c.byref(out))
        return out.value

    def ctl(*words):
        return subprocess.run([CTL, *words], check=True, capture_output=True, text=True).stdout

    call("nvmlInit_v2")
    gpu = c.c_void_p()
    call("nvmlDeviceGetHandleByIndex_v2", 0, c.byref(gpu))
    pci = PciInfo()
    call("nvmlDeviceGetPciInfo_v3", gpu, c.byref(pci))
    assert pci.busId == b"00000000:10:00.0" and pci.busIdLegacy == b"0000:10:00.0" and pci.bus == 0x10
    memory = Memory()
    call("nvmlDeviceGetMemoryInfo", gpu, c.byref(memory))
    assert memory.free + memory.used == memory.total == 150754820096

    fields = (FieldValue * 2)()
    fields[0].fieldId, fields[1].fieldId = 186, 83
    call("nvmlDeviceGetFieldValues", gpu, 2, fields)
    assert fields[0].nvmlReturn == 0 and fields[0].valueType == 1 and abs(fields[0].value.uiVal - 84000) < 1000
    assert fields[1].nvmlReturn == 0 and fields[1].valueType == 3
    energy = number("nvmlDeviceGetTotalEnergyConsumption", kind=c.c_ulonglong)
    assert 0 <= energy - fields[1].value.ullVal < 84 * 1000

    call("nvmlDeviceSetGpuLockedClocks", gpu, 1207, 1207)
    ctl("load", "0", "--watts", "500", "--for", "60", "--pid", str(os.getpid()))
    time.sleep(0.2)
    assert number("nvmlDeviceGetClockInfo", 1) == 1200
    call("nvmlDeviceGetFieldValues", gpu, 1, fields)
    assert abs(fields[0].value.uiVal - 500000) < 1000, fields[0].value.uiVal

    ctl("inject", "0", "foreign_process", "--pid", "4242")
    count = c.c_uint(4)
    processes = (ProcessInfo * 4)()
    call("nvmlDeviceGetComputeRunningProcesses_v3", gpu, c.byref(count), processes)
    assert count.value == 1 and processes[0].pid == 4242 and processes[0].gpuInstanceId == 0xFFFFFFFF
    ctl("inject", "0", "gpu_lost")
    call("nvmlDeviceGetPowerUsage", gpu, c.byref(count), expect=15)
    ctl("clear", "0")
    number("nvmlDeviceGetPowerUsage")

    state = json.loads(ctl("state"))
    truth = state["gpus"][0]
    assert state["simulated"] and truth["lock"]["in_force"] == {"least_mhz": 1200, "most_mhz": 1200}
    assert [each["change"] for each in truth["lock_log"]] == ["set", "in_force"]
    assert truth["lock_log"][0]["pid"] == os.getpid() and truth["watts"] == 500
    ctl("reset")
    assert json.loads(ctl("state"))["gpus"][0]["lock_log"] == []
    assert subprocess.run([CTL, "inject", "0", "gpu_gone"], capture_output=True).returncode == 1
    call("nvmlShutdown")
    print("every answer is the one expected")
    return 0


sys.exit(main())
