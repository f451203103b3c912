// In the program that is linked statically only (see cli/meson.build).
#include <nss.h>
#include <openssl/crypto.h>

namespace {

/// A library of the host is made for the host's C library, and this is another one: whoever loads
/// it may crash. nsswitch.conf and openssl.cnf name such libraries, so neither is read.
[[gnu::constructor]] void load_nothing_of_the_host() {
  __nss_configure_lookup("passwd", "files");
  __nss_configure_lookup("group", "files");
  __nss_configure_lookup("initgroups", "files");
  __nss_configure_lookup("protocols", "files");
  __nss_configure_lookup("services", "files");
  __nss_configure_lookup("hosts", "files dns");
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
}

}  // namespace
