#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/time.hpp"

namespace withdrawd::cli {

/// `--interval`; none, after a complaint: it is not one.
std::optional<core::Duration> watch_interval(const std::string& text);

/// Looks again and again until a signal comes or nobody reads any more: in place on a terminal,
/// else one look after the other. `look` fills in what is shown and gives the exit status, of which
/// the last one is that of the whole.
int watch(const std::string& title, core::Duration interval, bool as_json,
          const std::function<int(std::string& text)>& look);

}  // namespace withdrawd::cli
