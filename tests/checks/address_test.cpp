#include <doctest/doctest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "asked.hpp"

using namespace withdrawd;
using test::asked;
using test::in_words;

namespace {

std::string looked(const char* address, const char* interface = "") {
  return in_words(asked(core::AddressCheck{core::Address::parse(address).value(), interface}));
}

}  // namespace

TEST_CASE("an address that no interface has is an error") {
  CHECK(looked("192.0.2.1") == "error: on no interface");
  CHECK(looked("2001:db8:ffff::1") == "error: on no interface");
  CHECK(looked("192.0.2.1", "lo") == "error: not on lo");
  CHECK(looked("192.0.2.1", "no-such-one") == "error: no interface no-such-one");
}

TEST_CASE("an address is looked for where it should be, on an interface that is up") {
  // A child in a network namespace of its own, as far as that is allowed: the exit status tells.
  constexpr int not_possible = 77;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(not_possible);
    const auto ip = [](const char* arguments) {
      return ::system((std::string("ip ") + arguments + " 2>/dev/null").c_str()) == 0;
    };
    if (!ip("link add edge type veth peer name far")) ::_exit(not_possible);
    int step = 0;
    const auto expect = [&step](bool fine) {
      ++step;
      if (!fine) ::_exit(step);
    };
    expect(ip("address add 192.0.2.53/32 dev edge"));
    expect(looked("192.0.2.53") == "error: on edge, which is down");
    expect(ip("link set edge up"));
    expect(looked("192.0.2.53") == "ok: on edge");
    expect(looked("192.0.2.53", "edge") == "ok: on edge");
    expect(looked("192.0.2.53", "lo") == "error: not on lo, but on edge");
    expect(ip("address delete 192.0.2.53/32 dev edge"));
    expect(looked("192.0.2.53", "edge") == "error: not on edge");
    if (ip("address add 2001:db8::53/128 dev edge nodad preferred_lft 0")) {
      expect(looked("2001:db8::53") == "ok: on edge");
      // Without a carrier nobody can be asked whether the address is theirs.
      expect(ip("address add 2001:db8::54/128 dev edge"));
      expect(looked("2001:db8::54") == "error: tentative on edge");
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == not_possible) {
    MESSAGE("not tested: no network namespace with interfaces here");
    return;
  }
  CHECK_MESSAGE(WEXITSTATUS(status) == 0, "the number of the expectation that failed");
}
