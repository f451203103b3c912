#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace withdrawd::dns {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_ns = 2;
constexpr std::uint16_t type_cname = 5;
constexpr std::uint16_t type_aaaa = 28;
constexpr std::uint16_t class_in = 1;
constexpr std::uint16_t class_ch = 3;

/// "www.test.com" in wire format.
inline std::string wire_name(std::string_view name) {
  std::string wire;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    wire += static_cast<char>(label.size());
    wire += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return wire + '\0';
}

/// A DNS message written field by field, so that a test can also write a wrong one. As it comes: an
/// answer with NOERROR to one question, which is to be written next.
class Reply {
 public:
  explicit Reply(std::uint16_t id) : bytes_(12) {
    put(0, id);
    flags(0x8180);
  }

  Reply& flags(std::uint16_t flags) { return put(2, flags); }
  Reply& rcode(unsigned rcode) {
    bytes_[3] = static_cast<std::uint8_t>((bytes_[3] & 0xf0) | rcode);
    return *this;
  }
  Reply& truncated() {
    bytes_[2] |= 0x02;
    return *this;
  }

  Reply& question(std::string_view name, std::uint16_t type = type_a,
                  std::uint16_t klass = class_in) {
    add(wire_name(name)).add(type).add(klass);
    return count(4);
  }

  /// A record of the answer section; `owner` and `data` in wire format.
  Reply& record(std::string_view owner, std::uint16_t type, std::string_view data,
                std::uint16_t klass = class_in) {
    add(owner).add(type).add(klass).add(std::uint16_t{0}).add(std::uint16_t{300});
    add(static_cast<std::uint16_t>(data.size())).add(data);
    return count(6);
  }
  Reply& a(std::string_view owner, std::uint8_t last_octet = 1) {
    const char data[] = {'\xc0', '\0', '\x02', static_cast<char>(last_octet)};  // 192.0.2.N
    return record(wire_name(owner), type_a, {data, sizeof data});
  }
  Reply& cname(std::string_view owner, std::string_view target) {
    return record(wire_name(owner), type_cname, wire_name(target));
  }

  /// Says that a section (4, 6, 8, 10: where its count stands) has one record more.
  Reply& count(std::size_t at) {
    return put(at, static_cast<std::uint16_t>((bytes_[at] << 8 | bytes_[at + 1]) + 1));
  }
  Reply& add(std::string_view bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Reply& add(std::uint16_t number) {
    bytes_.push_back(static_cast<std::uint8_t>(number >> 8));
    bytes_.push_back(static_cast<std::uint8_t>(number & 0xff));
    return *this;
  }
  Reply& put(std::size_t at, std::uint16_t number) {
    bytes_[at] = static_cast<std::uint8_t>(number >> 8);
    bytes_[at + 1] = static_cast<std::uint8_t>(number & 0xff);
    return *this;
  }

  const Bytes& bytes() const { return bytes_; }
  operator Bytes() const { return bytes_; }  // NOLINT(google-explicit-constructor)

 private:
  Bytes bytes_;
};

}  // namespace withdrawd::dns
