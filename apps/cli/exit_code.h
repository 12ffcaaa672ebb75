#pragma once

#include "phasewatt/base/result.h"

namespace phasewatt::cli {

/// What the program tells the shell; listed in docs/cli/phasewatt.md.
enum class ExitCode {
  success = 0,
  internal = 1,
  usage = 2,
  bad_input = 3,
  not_found = 4,
  exists = 5,
  io = 6,
  unsupported = 7,
  permission = 8,
  out_of_memory = 9,
  not_valid = 10,
  database = 11,
  interrupted = 130,
};

constexpr ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return ExitCode::usage;
    case ErrorCode::bad_input: return ExitCode::bad_input;
    case ErrorCode::not_found: return ExitCode::not_found;
    case ErrorCode::exists: return ExitCode::exists;
    case ErrorCode::io: return ExitCode::io;
    case ErrorCode::unsupported: return ExitCode::unsupported;
    case ErrorCode::permission: return ExitCode::permission;
    case ErrorCode::out_of_memory: return ExitCode::out_of_memory;
    case ErrorCode::interrupted: return ExitCode::interrupted;
    case ErrorCode::not_valid: return ExitCode::not_valid;
    case ErrorCode::database: return ExitCode::database;
    case ErrorCode::internal: return ExitCode::internal;
  }
  return ExitCode::internal;
}

}  // namespace phasewatt::cli
