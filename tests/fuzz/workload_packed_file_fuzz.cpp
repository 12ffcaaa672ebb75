// Any bytes as a file, plain or gzip: a plain one comes back as it is, and reading ends.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "phasewatt/workload/packed_file.h"

using namespace phasewatt::workload;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
  if (descriptor < 0 || write(descriptor, data, size) != static_cast<ssize_t>(size)) __builtin_trap();
  lseek(descriptor, 0, SEEK_SET);
  PackedFile file(descriptor);
  std::string text;
  std::array<char, 1000> block{};
  auto got = file.read(block.data(), block.size());
  for (; got && *got > 0; got = file.read(block.data(), block.size())) text.append(block.data(), *got);
  if (!bytes.starts_with("\x1f\x8b") && (!got || text != bytes)) __builtin_trap();
  if (got && file.position() != size) __builtin_trap();
  return 0;
}
