// Writes the sample report into the folder named on the command line, for the browser test.
#include <cstdio>

#include "phasewatt/report/write_report.h"
#include "tests/report/sample_page.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_sample_page FOLDER\n", stderr);
    return 2;
  }
  const auto written = phasewatt::report::write_report(phasewatt::report::sample::page(), argv[1], true);
  if (!written) std::fprintf(stderr, "%s\n", to_string(written.error()).c_str());
  return written ? 0 : 1;
}
