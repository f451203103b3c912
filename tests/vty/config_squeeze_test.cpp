#include "vty/config_squeeze.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "transcript.hpp"
#include "vty/running_config.hpp"
#include "vty/socket_reader.hpp"

using namespace withdrawd;
using test::Transcript;
using vty::ConfigSqueeze;
using vty::read_running_config;

namespace {

std::string squeezed(std::string_view text, std::size_t piece) {
  ConfigSqueeze squeeze;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    squeeze.feed(text.substr(0, piece));
  }
  CHECK_FALSE(squeeze.is_too_long());
  return squeeze.finish();
}

void check_reads_the_same(std::string_view text) {
  const auto whole = read_running_config(text);
  for (const std::size_t piece : {1UL, 7UL, 100'000UL}) {
    const auto kept = read_running_config(squeezed(text, piece));
    REQUIRE(kept.has_value() == whole.has_value());
    if (whole) {
      CHECK(kept->route_maps == whole->route_maps);
      CHECK((kept->graceful_restart == whole->graceful_restart));
      REQUIRE(kept->instances.size() == whole->instances.size());
      for (std::size_t i = 0; i < whole->instances.size(); ++i) {
        CHECK(kept->instances[i].asn.number() == whole->instances[i].asn.number());
        CHECK((kept->instances[i].key == whole->instances[i].key));
        CHECK((kept->instances[i] == whole->instances[i]));
      }
    } else {
      // What was said instead is quoted in it, and may have lost its blanks.
      const auto reason = [](const std::string& error) { return error.substr(0, error.find('"')); };
      CHECK(reason(kept.error().text()) == reason(whole.error().text()));
    }
  }
}

/// A configuration of some megabytes in which little is of interest.
std::string large_config(int entries) {
  std::string text = "Current configuration:\n!\nfrr version 8.4.4\n!\nrouter bgp 65001\n";
  for (int i = 0; i < entries / 10; ++i) {
    text += fmt::format(" neighbor 10.{}.{}.{} activate\n", i >> 16, i >> 8 & 255, i & 255);
  }
  text +=
      " !\n address-family ipv4 unicast\n  network 192.0.2.0/24 route-map TAG\n"
      "  network 198.51.100.0/24\n exit-address-family\nexit\n!\n";
  for (int i = 0; i < entries; ++i) {
    text += fmt::format("ip prefix-list L{} seq {} permit 10.{}.{}.0/24\n!\n", i % 100, i,
                        i >> 8 & 255, i & 255);
  }
  for (int i = 0; i < entries; ++i) {
    text +=
        fmt::format("route-map TAG permit {}\n match ip address prefix-list L{}\nexit\n!\n", i, i);
  }
  return text + "end\n";
}

}  // namespace

TEST_CASE("what is kept of a configuration reads as the whole does, recorded ones") {
  int read = 0;
  for (const auto& file : std::filesystem::directory_iterator(WITHDRAWD_TRANSCRIPTS)) {
    if (file.path().extension() != ".json") continue;
    const auto transcript = Transcript::load(file.path().stem().string());
    for (const auto& turn : transcript.turns) {
      const std::string said =
          turn.argv.empty() ? turn.recv.substr(0, turn.recv.find('\0')) : turn.out;
      if (said.find("router bgp") == std::string::npos) continue;
      INFO(file.path().string());
      check_reads_the_same(said);
      // And cut off anywhere.
      for (std::size_t length = 0; length < said.size(); length += 97) {
        check_reads_the_same(std::string_view(said).substr(0, length));
      }
      ++read;
    }
  }
  CHECK(read > 10);
}

TEST_CASE("what is kept of a configuration reads as the whole does, odd ones") {
  const std::string long_comment(5000, 'x');
  for (const std::string& text :
       {std::string(), std::string("% Unknown command.\n"), std::string("nothing of the kind\n"),
        std::string("!\nrouter bgp 1\n network 192.0.2.0/24\n"),
        "!\n" + long_comment + "\nrouter bgp 1\n network 192.0.2.0/24\n! \n",
        std::string("!\nrouter bgp 1\n bmp targets A\n exit\n network 192.0.2.0/24\nexit\n!\n"),
        "!\n" + long_comment +
            "\nroute-map A permit 1\nexit\nrouter bgp 1\n neighbor x\nroute-map A "
            "permit 2\n network 192.0.2.0/24\n!\n",
        "!\n" + long_comment + "\nrouter bgp 1\n neighbor 192.0.2.1\n",
        "!\n" + long_comment + "\n% late\n"}) {
    INFO(text);
    check_reads_the_same(text);
  }
  check_reads_the_same(large_config(1000));
}

TEST_CASE("of a large configuration little is kept, while it comes over the socket") {
  const std::string text = large_config(50'000);
  REQUIRE(text.size() > 5'000'000);
  vty::SocketReader reader;
  ConfigSqueeze squeeze;
  const std::string framed = text + std::string(4, '\0');
  bool complete = false;
  for (std::size_t at = 0; at < framed.size(); at += 65536) {
    reader.feed(std::string_view(framed).substr(at, 65536));
    auto answer = reader.next();
    REQUIRE(answer);
    if (*answer) {
      complete = true;
      squeeze.feed((*answer)->text);
      CHECK((*answer)->text.size() <= 65536);
    } else {
      squeeze.feed(reader.take_part());
    }
  }
  CHECK(complete);
  const std::string kept = squeeze.finish();
  CHECK(kept.size() < 2000);
  const auto config = read_running_config(kept);
  REQUIRE(config);
  CHECK(config->instances.size() == 1);
  CHECK(config->instances[0].networks.size() == 2);
  CHECK(config->route_maps.size() == 1);
}

TEST_CASE("an answer is as long as its parts, and has an end") {
  vty::SocketReader reader(1000);
  reader.feed(std::string(600, 'x'));
  REQUIRE(reader.next());
  CHECK(reader.take_part().size() == 600);
  reader.feed(std::string(600, 'x'));
  CHECK_FALSE(reader.next());
}

TEST_CASE("statements without end are not kept") {
  ConfigSqueeze squeeze;
  for (int i = 0; i < 600'000; ++i) squeeze.feed("  network 192.0.2.0/24\n");
  CHECK(squeeze.is_too_long());
  CHECK(squeeze.finish().size() < ConfigSqueeze::most + 1000);
}

TEST_CASE("what peers are asked to keep is kept, wherever it stands") {
  const std::string far(300, 'x');
  for (const std::string line :
       {"bgp graceful-restart\n bgp graceful-restart restart-time 20",
        "bgp graceful-restart\n bgp long-lived-graceful-restart stale-time 9",
        "neighbor 10.0.0.2 graceful-restart"}) {
    const auto text =
        fmt::format("!\n! {}\nhostname {}\nrouter bgp 65001\n {}\nexit\n!\n", far, far, line);
    check_reads_the_same(text);
    REQUIRE(read_running_config(text));
    CHECK(read_running_config(squeezed(text, 7))->graceful_restart);
  }
}
