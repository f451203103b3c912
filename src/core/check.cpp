#include "core/check.hpp"

#include <fmt/format.h>

#include "core/outcome.hpp"

namespace withdrawd::core {
namespace {

/// What is wrong with one label, or nothing.
std::string what_is_wrong_with_label(std::string_view label) {
  if (label.empty()) return "it has an empty label";
  if (label.size() > 63) {
    return fmt::format("the label \"{}\" is longer than 63 bytes", printable(label, 20));
  }
  for (const char c : label) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
    if (!fine) return fmt::format("it contains '{}'", printable({&c, 1}));
  }
  return "";
}

}  // namespace

std::string_view name(DnsTransport transport) {
  switch (transport) {
    case DnsTransport::udp:
      return "udp";
    case DnsTransport::tcp:
      return "tcp";
    case DnsTransport::both:
      break;
  }
  return "both";
}

Result<std::string> parse_domain_name(std::string_view text) {
  auto refused = [&](std::string happened) {
    return std::unexpected(Error{fmt::format("read domain name \"{}\"", printable(text)),
                                 std::move(happened),
                                 "labels of 1 to 63 letters, digits, \"-\" and \"_\", separated by "
                                 "dots, 253 bytes together"});
  };
  if (text == ".") return std::string(text);
  auto rest = text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
  if (rest.empty()) return refused(text.empty() ? "it is empty" : "it has an empty label");
  if (rest.size() > 253) return refused(fmt::format("it has {} bytes", rest.size()));
  for (;;) {
    const auto dot = rest.find('.');
    if (auto wrong = what_is_wrong_with_label(rest.substr(0, dot)); !wrong.empty()) {
      return refused(std::move(wrong));
    }
    if (dot == rest.npos) return std::string(text);
    rest.remove_prefix(dot + 1);
  }
}

std::string DnsQuestion::text() const {
  return fmt::format("{}, {}{} {}", server.text(), klass == DnsClass::chaos ? "CH " : "",
                     type.text(), name);
}

std::string ExecCheck::text() const {
  std::string words;
  for (const auto& word : command) words += (words.empty() ? "" : " ") + word;
  return printable(words, 120);
}

std::string AddressCheck::text() const {
  return fmt::format("address {}{}", address.text(), interface.empty() ? "" : " on " + interface);
}

std::string FileCheck::text() const {
  return "file " + printable(path.native(), 120);
}

std::string Check::text() const {
  return std::visit([](const auto& one) { return one.text(); }, probe);
}

}  // namespace withdrawd::core
