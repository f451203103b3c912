#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/error.hpp"

namespace withdrawd::fleet {

/// From when until when a certificate is good, in seconds of the wall clock.
struct Validity {
  std::int64_t from = 0, until = 0;
  /// "has expired on 2026-11-24 10:00:00 UTC", "is not good before ..."; empty: it is good.
  std::string trouble(std::int64_t now) const;
  bool operator==(const Validity&) const = default;
};

/// "2026-11-24 10:00:00 UTC"
std::string date_text(std::int64_t seconds);

/// None: it does not say, or nothing that can be understood.
std::optional<Validity> validity_of(const X509* certificate);
/// No file of certificates or keys is longer.
constexpr std::size_t longest_pem = std::size_t{4} * 1024 * 1024;
/// Of the first certificate of a PEM file, which is that of its owner.
core::Result<Validity> read_validity(const std::filesystem::path& file);

}  // namespace withdrawd::fleet
