#include "fleet/certificate.hpp"

#include <fmt/chrono.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "core/outcome.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::fleet {
namespace {

std::optional<std::int64_t> seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&parts));
}

}  // namespace

std::string date_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (!::gmtime_r(&time, &parts)) return "a time that no calendar has";
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", parts);
}

std::string Validity::trouble(std::int64_t now) const {
  if (now > until) return "has expired on " + date_text(until);
  if (now < from) return "is not good before " + date_text(from);
  return "";
}

std::optional<Validity> validity_of(const X509* certificate) {
  if (!certificate) return std::nullopt;
  const auto from = seconds_of(X509_get0_notBefore(certificate));
  const auto until = seconds_of(X509_get0_notAfter(certificate));
  if (!from || !until) return std::nullopt;
  return Validity{*from, *until};
}

core::Result<Validity> read_validity(const std::filesystem::path& file) {
  const auto failed = [&file](std::string happened) {
    return std::unexpected(
        core::Error{"read the certificate of the fleet, " + core::printable(file.string()),
                    std::move(happened), "expected a readable PEM file"});
  };
  const auto text = files::read(file, longest_pem);
  if (!text) return failed(text.error().happened);
  ERR_clear_error();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())), BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr), X509_free);
  ERR_clear_error();
  const auto validity = validity_of(certificate.get());
  if (!validity) return failed("there is no certificate in it");
  return *validity;
}

}  // namespace withdrawd::fleet
