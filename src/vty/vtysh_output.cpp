#include "vty/vtysh_output.hpp"

#include <algorithm>

namespace withdrawd::vty {
namespace {

struct Echo {
  std::size_t start = std::string_view::npos;  ///< of its line
  std::size_t end = std::string_view::npos;    ///< behind its line
};

/// The next line from `from` on that ends with "# command" and starts with `host`.
Echo find_echo(std::string_view output, std::size_t from, std::string_view host,
               const std::string& command) {
  const std::string wanted = "# " + command + "\n";
  for (auto at = output.find(wanted, from); at != output.npos; at = output.find(wanted, at + 1)) {
    const auto line_feed = at == 0 ? output.npos : output.rfind('\n', at - 1);
    const auto start = line_feed == output.npos ? 0 : line_feed + 1;
    const auto prompt = output.substr(start, at - start);
    const auto behind_host = prompt.substr(std::min(host.size(), prompt.size()));
    // "host# " or "host(config-router)# "
    if (start >= from && prompt.starts_with(host) &&
        (behind_host.empty() || host.empty() || behind_host.front() == '(')) {
      return {start, at + wanted.size()};
    }
  }
  return {};
}

/// How deep a line leads: 1 configuration mode, 2 an instance, 3 an address family; 0: nowhere.
int entered_by(std::string_view line) {
  if (line == "configure terminal") return 1;
  if (line.starts_with("router ")) return 2;
  if (line.starts_with("address-family ")) return 3;
  return 0;
}

/// The depth that `line` leaves a session in that stood at `depth` before.
int depth_after(std::string_view line, int depth) {
  if (const int entered = entered_by(line); entered != 0) return entered;
  if (line == "end") return 0;
  if (line == "exit") return std::max(depth - 1, 0);
  if (line == "exit-address-family") return std::min(depth, 2);
  return depth;
}

}  // namespace

std::vector<std::string> split_vtysh_output(std::string_view output,
                                            const std::vector<std::string>& commands) {
  std::vector<std::string> answers;
  std::string_view host;
  std::size_t from = 0;
  for (const auto& command : commands) {
    const auto echo = find_echo(output, from, host, command);
    if (echo.start == std::string_view::npos) break;
    if (answers.empty()) {
      const auto prompt = output.substr(echo.start, output.find("# ", echo.start) - echo.start);
      host = prompt.substr(0, prompt.find('('));
    } else {
      answers.back() = output.substr(from, echo.start - from);
    }
    from = echo.end;
    answers.emplace_back();
  }
  if (!answers.empty()) answers.back() = output.substr(from);
  return answers;
}

std::vector<std::string> way_to(const std::vector<std::string>& commands, std::size_t position) {
  std::vector<std::string> way;
  const auto leave_down_to = [&way](int depth) {
    while (way.size() > static_cast<std::size_t>(depth)) way.pop_back();
  };
  for (std::size_t i = 0; i < position; ++i) {
    if (const int depth = entered_by(commands[i]); depth != 0) {
      leave_down_to(depth - 1);
      way.push_back(commands[i]);
    } else {
      leave_down_to(depth_after(commands[i], static_cast<int>(way.size())));
    }
  }
  // What is about to be entered replaces what stands as deep.
  if (position < commands.size()) {
    if (const int depth = entered_by(commands[position]); depth != 0) leave_down_to(depth - 1);
  }
  return way;
}

std::size_t next_after_refusal(const std::vector<std::string>& commands, std::size_t refused) {
  const int wanted = entered_by(commands[refused]);
  auto position = refused + 1;
  if (wanted == 0) return position;
  int depth = wanted;
  for (; position < commands.size(); ++position) {
    const int entered = entered_by(commands[position]);
    if (entered != 0 && entered <= wanted) return position;
    depth = depth_after(commands[position], depth);
    if (depth < wanted) return position + 1;
  }
  return position;
}

}  // namespace withdrawd::vty
