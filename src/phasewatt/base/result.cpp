#include "phasewatt/base/result.h"

namespace phasewatt {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return "usage";
    case ErrorCode::bad_input: return "bad_input";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::exists: return "exists";
    case ErrorCode::io: return "io";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::permission: return "permission";
    case ErrorCode::out_of_memory: return "out_of_memory";
    case ErrorCode::interrupted: return "interrupted";
    case ErrorCode::not_valid: return "not_valid";
    case ErrorCode::database: return "database";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

std::string to_string(const Error& error) {
  if (error.hint.empty()) return error.what;
  return error.what + " (" + error.hint + ")";
}

}  // namespace phasewatt
