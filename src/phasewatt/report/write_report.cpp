#include "phasewatt/report/write_report.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "phasewatt/base/files.h"
#include "phasewatt/report/html.h"
#include "phasewatt/report/vega_lite.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::report {
namespace {

namespace fs = std::filesystem;

Error io_error(std::string_view doing, const fs::path& path, const std::error_code& ec) {
  return {ErrorCode::io, std::string(doing) + " '" + path.string() + "': " + ec.message(),
          "name a folder that can be written, with --output"};
}

// Ids become file names and anchors.
Status check_ids(const Page& page) {
  std::set<std::string_view> seen;
  const auto check = [&](const std::string& id) -> Status {
    const bool plain = !id.empty() && id.front() != '.' &&
                       id.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789_.-") == std::string::npos;
    if (!plain) return Error{ErrorCode::internal, "'" + id + "' cannot be the id of a table or figure", {}};
    if (!seen.insert(id).second) return Error{ErrorCode::internal, "two tables or figures have the id " + id, {}};
    return ok();
  };
  for (const auto& table : page.tables) PHASEWATT_TRY(check(table.id));
  for (const auto& figure : page.figures) PHASEWATT_TRY(check(figure.data.id));
  return ok();
}

// A folder is ours when tables.json says so and nothing lies beside what a report holds.
Status check_is_report(const fs::path& folder) {
  static constexpr std::array<std::string_view, 5> kEntries{"index.html", "report.md", "tables.json", "tables",
                                                            "figures"};
  const std::string hint = "choose another folder with --output, or move its content away";
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    const std::string name = entry.path().filename().string();
    if (std::find(kEntries.begin(), kEntries.end(), name) == kEntries.end()) {
      return Error{ErrorCode::exists, "'" + folder.string() + "' holds '" + name + "', which is no part of a report",
                   hint};
    }
  }
  if (ec) return io_error("cannot read", folder, ec);
  const auto content = read_file(folder / "tables.json");
  const auto json = nlohmann::json::parse(content ? *content : std::string(), nullptr, false);
  if (!json.is_object() || !json.contains("schema") || json["schema"] != kReportSchema) {
    return Error{ErrorCode::exists, "'" + folder.string() + "' exists and is not a report of phasewatt", hint};
  }
  return ok();
}

Status check_target(const fs::path& folder, bool force) {
  std::error_code ec;
  if (!fs::exists(folder, ec)) return ec ? Status(io_error("cannot look at", folder, ec)) : ok();
  if (!fs::is_directory(folder, ec)) {
    return Error{ErrorCode::exists, "'" + folder.string() + "' exists and is not a folder", "choose another --output"};
  }
  const bool empty = fs::is_empty(folder, ec);
  if (ec) return io_error("cannot read", folder, ec);
  if (empty) return ok();
  if (!force) {
    return Error{ErrorCode::exists, "the folder '" + folder.string() + "' is not empty",
                 "--force replaces an older report; or choose another --output"};
  }
  return check_is_report(folder);
}

Status write_files(const Page& page, const fs::path& folder) {
  std::error_code ec;
  for (const auto* sub : {"tables", "figures"}) {
    if (!fs::create_directories(folder / sub, ec)) return io_error("cannot make the folder", folder / sub, ec);
  }
  for (const auto& table : page.tables) {
    PHASEWATT_TRY(write_file(folder / "tables" / (table.id + ".csv"), to_csv(table)));
  }
  for (const auto& figure : page.figures) {
    PHASEWATT_TRY(write_file(folder / "figures" / (figure.data.id + ".csv"), to_csv(figure.data)));
    PHASEWATT_TRY(write_file(folder / "figures" / (figure.data.id + ".vl.json"), to_vega_lite(figure)));
  }
  PHASEWATT_TRY(write_file(folder / "tables.json", to_json(page)));
  PHASEWATT_TRY(write_file(folder / "report.md", to_markdown(page)));
  return write_file(folder / "index.html", to_html(page));
}

// Removed with everything in it when it goes out of scope; after a rename there is nothing left to remove.
struct Scratch {
  fs::path path;
  explicit Scratch(fs::path where) : path(std::move(where)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

// Puts `fresh` where `folder` is; on failure the old folder is back.
Status move_into_place(const fs::path& fresh, const fs::path& folder) {
  std::error_code ec;
  const fs::path old = folder.string() + ".old." + std::to_string(::getpid());
  const bool replaces = fs::exists(folder, ec);
  if (replaces) fs::rename(folder, old, ec);
  if (ec) return io_error("cannot replace", folder, ec);
  fs::rename(fresh, folder, ec);
  std::error_code ignored;
  if (!ec) {
    if (replaces) fs::remove_all(old, ignored);
    return ok();
  }
  if (replaces) fs::rename(old, folder, ignored);
  return io_error("cannot write", folder, ec);
}

}  // namespace

Status write_report(const Page& page, const fs::path& folder, bool force) {
  PHASEWATT_TRY(check_ids(page));
  if (folder.empty()) return Error{ErrorCode::usage, "the report's folder has no name", "name one with --output"};
  std::error_code ec;
  fs::path target = fs::weakly_canonical(fs::absolute(folder, ec), ec);  // through links, without ".."
  if (ec) return io_error("cannot find", folder, ec);
  if (!target.has_filename()) target = target.parent_path();  // "report/" is "report"
  PHASEWATT_TRY(check_target(target, force));
  fs::create_directories(target.parent_path(), ec);
  if (ec) return io_error("cannot make the folder", target.parent_path(), ec);
  const Scratch fresh(target.string() + ".tmp." + std::to_string(::getpid()));
  PHASEWATT_TRY(write_files(page, fresh.path));
  return move_into_place(fresh.path, target);
}

}  // namespace phasewatt::report
