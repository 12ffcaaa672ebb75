// Writes docs/signals.md from the table of signals: phasewatt_signals_page FILE
#include <cstdio>

#include "phasewatt/base/files.h"
#include "phasewatt/device/signals.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: phasewatt_signals_page FILE\n", stderr);
    return 2;
  }
  const auto written = phasewatt::write_file(argv[1], phasewatt::device::signals_page());
  if (!written) std::fprintf(stderr, "%s\n", to_string(written.error()).c_str());
  return written ? 0 : 1;
}
