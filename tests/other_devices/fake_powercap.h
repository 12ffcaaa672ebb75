#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace phasewatt::device::rapl {

/// A powercap tree in a temporary folder, removed at the end.
class FakePowercap {
 public:
  FakePowercap() {
    std::string name = std::filesystem::temp_directory_path() / "phasewatt-powercap-XXXXXX";
    root_ = ::mkdtemp(name.data());
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
  }
  ~FakePowercap() { std::filesystem::remove_all(root_); }
  FakePowercap(const FakePowercap&) = delete;
  FakePowercap& operator=(const FakePowercap&) = delete;

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

  void write(const std::string& folder, const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(root_ / folder);
    std::ofstream(root_ / folder / file) << text;
  }

  void zone(const std::string& folder, const std::string& name, std::uint64_t range_uj, std::uint64_t energy_uj) const {
    write(folder, "name", name + "\n");
    write(folder, "max_energy_range_uj", std::to_string(range_uj) + "\n");
    energy(folder, energy_uj);
  }
  void energy(const std::string& folder, std::uint64_t energy_uj) const {
    write(folder, "energy_uj", std::to_string(energy_uj) + "\n");
  }

  /// Two sockets as a server shows them: packages with dram, the platform, and the packages again over MMIO.
  void two_sockets() const {
    write("intel-rapl", "enabled", "1\n");  // the control type: no zone
    zone("intel-rapl:0", "package-0", kRange, 1000);
    zone("intel-rapl:0:0", "dram", kDramRange, 50);
    zone("intel-rapl:1", "package-1", kRange, 5000);
    zone("intel-rapl:1:0", "dram", kDramRange, 60);
    zone("intel-rapl:2", "psys", kRange, 70'000);
    zone("intel-rapl-mmio:0", "package-0", kRange, 1000);
    for (const char* folder : {"intel-rapl:0", "intel-rapl:1"})
      write(folder, "constraint_0_power_limit_uw", "350000000\n");
  }

  static constexpr std::uint64_t kRange = 262'143'328'850;  // 2^32 units of 2^-14 J, as the kernel rounds it
  static constexpr std::uint64_t kDramRange = 65'712'999'613;

 private:
  std::filesystem::path root_;
};

}  // namespace phasewatt::device::rapl
