#!/usr/bin/env bash
# Runs the Rust crate nvml-wrapper, as Debian ships it (librust-nvml-wrapper-dev, with cargo), unchanged against the
# simulated NVML. Not part of the tests: it needs packages that nothing else here needs.
#   scripts/nvml_wrapper_against_sim.sh build/dev/apps/nvml_sim/libphasewatt-nvml-sim.so
set -euo pipefail
library=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p src .cargo
cat >Cargo.toml <<'END'
[package]
name = "client"
version = "0.1.0"
edition = "2021"
[dependencies]
nvml-wrapper = "0.9"
END
cat >.cargo/config.toml <<'END'
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
END
cat >src/main.rs <<'END'
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::GpuLockedClocksSetting;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::Nvml;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let library = std::env::args().nth(1).unwrap();
    let nvml = Nvml::builder().lib_path(std::ffi::OsStr::new(&library)).init()?;
    assert_eq!(nvml.device_count()?, 1);
    let mut gpu = nvml.device_by_index(0)?;
    println!("driver {}, {}", nvml.sys_driver_version()?, gpu.name()?);
    assert_eq!(nvml.device_by_uuid(gpu.uuid()?)?.index()?, 0);
    assert_eq!(nvml.device_by_pci_bus_id(gpu.pci_info()?.bus_id)?.index()?, 0);
    assert!((80_000..90_000).contains(&gpu.power_usage()?));
    assert!(gpu.total_energy_consumption()? <= gpu.total_energy_consumption()?);
    assert_eq!(gpu.clock_info(Clock::SM)?, 345);
    assert_eq!(gpu.supported_graphics_clocks(gpu.supported_memory_clocks()?[0])?.len(), 110);
    assert!((30..45).contains(&gpu.temperature(TemperatureSensor::Gpu)?));
    assert_eq!(gpu.utilization_rates()?.gpu, 0);
    assert_eq!(gpu.memory_info()?.total, 150754820096);
    assert_eq!(gpu.power_management_limit()?, 700_000);
    assert!(gpu.running_compute_processes()?.is_empty());
    for sample in gpu.field_values_for(&[FieldId(186), FieldId(83)])? {
        sample?.value?;
    }
    gpu.set_gpu_locked_clocks(GpuLockedClocksSetting::Numeric { min_clock_mhz: 907, max_clock_mhz: 907 })?;
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(gpu.clock_info(Clock::SM)?, 900);
    gpu.reset_gpu_locked_clocks()?;
    println!("nvml-wrapper: every answer is the one expected");
    Ok(())
}
END
cat >rig.toml <<'END'
schema = "nvml-sim/1"
[[gpu]]
permission = "any"
END
cargo build --offline --quiet
PHASEWATT_NVML_SIM_STATE=$folder/state PHASEWATT_NVML_SIM_CONFIG=$folder/rig.toml target/debug/client "$library"
