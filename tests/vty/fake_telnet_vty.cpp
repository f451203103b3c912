#include "fake_telnet_vty.hpp"

#include <algorithm>

namespace withdrawd::test {
namespace {

/// WILL ECHO, WILL SUPPRESS-GO-AHEAD, DONT LINEMODE, DO NAWS: as Quagga and FRR send them.
constexpr std::string_view negotiation = "\xff\xfb\x01\xff\xfb\x03\xff\xfe\"\xff\xfd\x1f";

std::string with_cr_lf(std::string_view text) {
  std::string wire;
  for (const char c : text) {
    if (c == '\n') wire += '\r';
    wire += c;
  }
  return wire;
}

}  // namespace

std::string TranscriptVty::take_turn() {
  auto said = transcript_.turns.at(next_++).recv;
  const auto line_feed = said.rfind('\n');
  prompt_ = line_feed == std::string::npos ? said : said.substr(line_feed + 1);
  return said;
}

std::string TranscriptVty::answer(const std::string& line) {
  lines_.push_back(line);
  if (next_ < transcript_.turns.size() && transcript_.turns[next_].send == line + '\n') {
    return take_turn();
  }
  if (line != "terminal length 0") unexpected_.push_back(line);
  return line + "\r\n" + prompt_;
}

std::string ModelVty::prompt() const {
  switch (node_) {
    case Node::auth:
    case Node::auth_enable:
      return "Password: ";
    case Node::view:
      return host + "> ";
    case Node::enable:
      return host + "# ";
    case Node::config:
      return host + "(config)# ";
    case Node::router:
      return host + "(config-router)# ";
    case Node::family:
      return host + "(config-router-af)# ";
  }
  return "";
}

std::string ModelVty::greeting() {
  const auto in = advanced ? Node::enable : Node::view;
  node_ = password ? Node::auth : in;
  return banner + std::string(negotiation) + prompt();
}

std::string ModelVty::answer(const std::string& line) {
  if (node_ == Node::auth) {
    if (line == password) node_ = advanced ? Node::enable : Node::view;
    return "\r\n" + prompt();
  }
  if (node_ == Node::auth_enable) {
    if (line == enable_password) node_ = Node::enable;
    return "\r\n" + prompt();
  }
  lines.push_back(line);
  const auto said = in_node(line);
  return line + "\r\n" + with_cr_lf(said) + prompt();
}

std::string ModelVty::in_node(const std::string& line) {
  if (const auto known = answers.find(line); known != answers.end()) return known->second;
  const bool in_bgp = node_ == Node::router || node_ == Node::family;
  const bool configuring = in_bgp || node_ == Node::config;
  if (line.empty() || line.starts_with("terminal length ")) return "";
  if (line == "enable" && node_ == Node::view) {
    node_ = enable_password ? Node::auth_enable : Node::enable;
    return "";
  }
  if (line == "configure terminal" && node_ == Node::enable) {
    node_ = Node::config;
    return "";
  }
  if (line == "end" && node_ != Node::view) {
    node_ = Node::enable;
    return "";
  }
  if (configuring && line.starts_with("hostname ")) {
    host = line.substr(9);
    return "";
  }
  if (configuring && line.starts_with("router bgp ")) {
    node_ = Node::router;
    return "";
  }
  if (in_bgp && line.starts_with("address-family ")) {
    node_ = Node::family;
    return "";
  }
  if (node_ == Node::family && line == "exit-address-family") {
    node_ = Node::router;
    return "";
  }
  if (in_bgp && (line.starts_with("network ") || line.starts_with("no network "))) {
    statements.push_back(line);
    return "";
  }
  return "% [BGP] Unknown command: " + line + "\n";
}

std::string converse(vty::TelnetSession& session, FakeTelnetVty& peer, std::size_t piece,
                     std::size_t limit) {
  std::string said;
  std::string typed = session.take_output();
  while (!typed.empty()) {
    const auto end = typed.find('\n');
    if (end == std::string::npos) throw std::runtime_error("half a line was typed: " + typed);
    auto answer = peer.answer(typed.substr(0, end));
    typed.erase(0, end + 1);
    answer.resize(std::min(answer.size(), limit - said.size()));
    said += answer;
    for (std::size_t at = 0; at < answer.size(); at += std::min(piece, answer.size() - at)) {
      session.receive(std::string_view(answer).substr(at, piece));
      typed += session.take_output();
    }
    if (peer.hangs_up()) {
      session.hang_up();
      break;
    }
  }
  return said;
}

std::string log_in(vty::TelnetSession& session, FakeTelnetVty& peer, std::size_t piece) {
  auto said = peer.greeting();
  for (std::size_t at = 0; at < said.size(); at += std::min(piece, said.size() - at)) {
    session.receive(std::string_view(said).substr(at, piece));
  }
  if (peer.hangs_up()) session.hang_up();
  return said + converse(session, peer, piece);
}

}  // namespace withdrawd::test
