#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "cli/command.hpp"
#include "core/account.hpp"
#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::cli {

/// A check that has been asked now, with how the outcome came about.
struct AskedCheck {
  core::Check check;
  core::Outcome outcome;
  core::Account account;

  /// A file that is there because somebody wants a drain.
  bool drained() const;
};

/// For people: a line with the verdict, then what was expected, one by one, and what else there is
/// to know. At most 80 columns.
std::string check_text(const AskedCheck& asked, const Terminal& terminal);

/// An element of "checks" in docs/check-json.md.
boost::json::object check_json(const AskedCheck& asked);

}  // namespace withdrawd::cli
