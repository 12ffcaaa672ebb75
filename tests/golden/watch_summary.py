"""What `phasewatt devices watch --json` printed, without what differs from run to run."""
import json
import sys

head, *lines = [json.loads(line) for line in sys.stdin]
print({key: value for key, value in head.items() if key not in ("library", "monotonic_ns", "unix_ns", "gpus")})
readings = [line for line in lines if "signal" in line]
for gpu in head["gpus"]:
    mine = [line for line in readings if line["gpu"] == gpu["gpu"]]
    print(gpu["gpu"], gpu["uuid"], gpu["name"], gpu.get("readings"))
    print("  seen", sorted({line["signal"] for line in mine if line["value"] is not None}))
    errors = [line["error"]["what"] for line in lines if "error" in line and line["gpu"] == gpu["gpu"]]
    if errors:
        print("  errors", errors)
print("ordered", all(line["begin_ns"] <= line["end_ns"] for line in readings),
      "simulated", all(line["simulated"] for line in readings))
power = [line for line in readings if line["signal"] == "power_instant"]
energy = [line for line in readings if line["signal"] == "energy"]
print("power is read more often than energy", len(power) > len(energy) > 0)
print("end", sorted(lines[-1]))
