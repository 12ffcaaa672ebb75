#!/usr/bin/env python3
"""Runs nvidia-ml-py (pynvml), unchanged, against the simulated NVML. Needs that package (Debian has it not).

    scripts/pynvml_against_sim.py build/dev/apps/nvml_sim/libphasewatt-nvml-sim.so

Lays a link libnvidia-ml.so.1 to the library into a folder of its own, puts that first in the loader's path, and calls
what pynvml's users call most. Ends with "pynvml ...: every answer is the one expected".
"""
import os
import sys
import tempfile


def inside() -> None:
    import pynvml as n

    n.nvmlInit()
    assert n.nvmlDeviceGetCount() == 2
    assert n.nvmlSystemGetDriverVersion() in ("580.65.06", b"580.65.06")
    gpu = n.nvmlDeviceGetHandleByIndex(0)
    uuid = n.nvmlDeviceGetUUID(gpu)
    assert n.nvmlDeviceGetUUID(n.nvmlDeviceGetHandleByUUID(uuid)) == uuid
    pci = n.nvmlDeviceGetPciInfo(gpu)
    assert pci.bus == 0x10
    assert n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleByPciBusId(pci.busId)) == 0
    print(n.nvmlDeviceGetName(gpu), uuid)

    assert 80_000 < n.nvmlDeviceGetPowerUsage(gpu) < 90_000
    energy = n.nvmlDeviceGetTotalEnergyConsumption(gpu)
    assert n.nvmlDeviceGetTotalEnergyConsumption(gpu) >= energy
    field = n.nvmlDeviceGetFieldValues(gpu, [n.NVML_FI_DEV_POWER_INSTANT])[0]
    assert field.nvmlReturn == n.NVML_SUCCESS and 80_000 < field.value.uiVal < 90_000
    assert n.nvmlDeviceGetClockInfo(gpu, n.NVML_CLOCK_SM) == 345
    assert n.nvmlDeviceGetSupportedMemoryClocks(gpu) == [3201]
    clocks = n.nvmlDeviceGetSupportedGraphicsClocks(gpu, 3201)
    assert len(clocks) == 110 and max(clocks) == 1980 and min(clocks) == 345
    assert n.nvmlDeviceGetTemperature(gpu, n.NVML_TEMPERATURE_GPU) in range(30, 45)
    assert n.nvmlDeviceGetUtilizationRates(gpu).gpu == 0
    assert n.nvmlDeviceGetMemoryInfo(gpu).total == 150754820096
    assert n.nvmlDeviceGetPowerManagementLimit(gpu) == 700_000
    assert n.nvmlDeviceGetPowerManagementLimitConstraints(gpu) == [200_000, 700_000]
    assert n.nvmlDeviceGetMigMode(gpu) == [0, 0]
    assert n.nvmlDeviceGetComputeRunningProcesses(gpu) == []
    assert n.nvmlDeviceGetCurrentClocksThrottleReasons(gpu) & 1

    n.nvmlDeviceSetGpuLockedClocks(gpu, 907, 907)
    n.nvmlDeviceResetGpuLockedClocks(gpu)
    for refused, error in ((lambda: n.nvmlDeviceGetFanSpeed(gpu), n.NVML_ERROR_NOT_SUPPORTED),
                           (lambda: n.nvmlDeviceGetHandleByIndex(2), n.NVML_ERROR_INVALID_ARGUMENT),
                           (lambda: n.nvmlDeviceSetGpuLockedClocks(n.nvmlDeviceGetHandleByIndex(1), 900, 900),
                            n.NVML_ERROR_NO_PERMISSION)):
        try:
            refused()
        except n.NVMLError as caught:
            assert caught.value == error, caught
        else:
            raise AssertionError("an error was expected")
    n.nvmlShutdown()
    print(f"pynvml {getattr(n, '__version__', '')}: every answer is the one expected")


def main() -> int:
    if sys.argv[1:] == ["--inside"]:
        inside()
        return 0
    library = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(library, os.path.join(folder, "libnvidia-ml.so.1"))
        config = os.path.join(folder, "rig.toml")
        with open(config, "w") as file:
            file.write('schema = "nvml-sim/1"\n[[gpu]]\npermission = "any"\n[[gpu]]\npermission = "none"\n')
        environment = dict(os.environ, LD_LIBRARY_PATH=folder, PHASEWATT_NVML_SIM_CONFIG=config,
                           PHASEWATT_NVML_SIM_STATE=os.path.join(folder, "state"))
        return os.spawnve(os.P_WAIT, sys.executable, [sys.executable, os.path.abspath(__file__), "--inside"],
                          environment)


sys.exit(main())
