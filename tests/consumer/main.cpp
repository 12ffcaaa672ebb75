// A program of somebody else: finds phasewatt with find_package and asks the library a question.
#include <phasewatt/base/records.h>
#include <phasewatt/store/reader.h>

#include <cstdio>

int main() {
  const auto study = phasewatt::store::read_study("/nonexistent/results.db");
  if (study.ok() || study.error().code != phasewatt::ErrorCode::not_found) return 1;
  std::printf("%s\n", phasewatt::to_string(study.error()).c_str());
  return 0;
}
