#include "vty/telnet_transport.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fake_telnet_server.hpp"
#include "transcript.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using namespace std::string_literals;
using test::FakeTelnetServer;
using test::FakeTelnetVty;
using test::ModelVty;
using test::Transcript;
using test::TranscriptVty;
using vty::Failure;
using vty::Reply;
using vty::TelnetTransport;
using vty::Trouble;
using Words = std::vector<std::string>;
using Replies = std::expected<std::vector<Reply>, Failure>;

namespace {

/// A transport and the port that it talks to, on one loop.
class Scene {
 public:
  explicit Scene(FakeTelnetServer::MakeVty make) : server(loop, std::move(make)) {
    std::string name = (std::filesystem::temp_directory_path() / "withdrawd-vty-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    access.telnet = core::Endpoint{core::Address::parse("127.0.0.1").value(), server.port()};
    access.telnet_timeout = 10s;  // only the tests of silence wait for it, with less
    access.password_file = write_password("password", "zebra");
    access.enable_password_file = write_password("enable", "secret");
    connect();
  }
  ~Scene() {
    transport.reset();
    std::filesystem::remove_all(directory_);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// A transport with what `access` says now.
  void connect() {
    transport = std::make_unique<TelnetTransport>(loop.get_executor(), access, [this] { ++lost; });
  }

  std::filesystem::path write_password(const std::string& name, const std::string& password) {
    const auto file = directory_ / name;
    std::ofstream(file) << password << '\n';
    ::chmod(file.c_str(), 0600);
    return file;
  }

  Replies show(Words commands) { return result_of(transport->show(std::move(commands))); }
  Replies configure(Words lines) { return result_of(transport->configure(std::move(lines))); }

  Words texts(Words commands) {
    const auto replies = show(std::move(commands));
    REQUIRE_MESSAGE(replies, replies.error().error.text());
    Words texts;
    for (const auto& reply : *replies) texts.push_back(reply.text);
    return texts;
  }

  template <class Condition>
  void run_until(Condition condition) {
    while (!condition()) loop.run_one();
  }

  boost::asio::io_context loop;
  FakeTelnetServer server;
  core::BgpdAccess access;
  std::unique_ptr<TelnetTransport> transport;
  int lost = 0;

 private:
  Replies result_of(boost::asio::awaitable<Replies> coroutine) {
    std::optional<Replies> result;
    boost::asio::co_spawn(loop, std::move(coroutine),
                          [&](const std::exception_ptr& thrown, Replies value) {
                            if (thrown) std::rethrow_exception(thrown);
                            result.emplace(std::move(value));
                          });
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }

  std::filesystem::path directory_;
};

/// The same bgpd for every connection.
struct Model {
  std::shared_ptr<ModelVty> vty = std::make_shared<ModelVty>();
  FakeTelnetServer::MakeVty make() const {
    return [vty = vty] { return vty; };
  }
};

struct Recording {
  explicit Recording(const std::string& name,
                     TranscriptVty::AtEnd at_end = TranscriptVty::AtEnd::stays)
      : vty(std::make_shared<TranscriptVty>(Transcript::load(name), at_end)) {}
  std::shared_ptr<TranscriptVty> vty;
  FakeTelnetServer::MakeVty make() const {
    return [vty = vty] { return vty; };
  }
};

Failure failure_of(const Replies& replies) {
  REQUIRE_FALSE(replies);
  const auto text = replies.error().error.text();
  CHECK(text.find("zebra") == std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
  return replies.error();
}

const Words withdrawal{"configure terminal", "router bgp 65001", "no network 192.0.2.0/24", "end"};

}  // namespace

TEST_CASE("a recorded bgpd is read, and a withdrawal typed, over TCP") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
      const Recording recording(bgpd + "-telnet-withdraw-announce"s);
      Scene scene(recording.make());
      scene.server.treatment.piece = piece;
      const auto config = scene.texts({"show running-config"}).front();
      CHECK(config.starts_with("\nCurrent configuration:\n!\n"));
      CHECK(config.ends_with("\nend\n"));
      CHECK(config.find('\r') == std::string::npos);

      const bool quagga = bgpd == "quagga-1.2.3"s;
      const auto replies =
          scene.configure({"configure terminal", "router bgp 65001", "no network 192.0.2.0/24",
                           "no network 192.0.2.0/24", "network 192.0.2.0/24",
                           quagga ? "address-family ipv6" : "address-family ipv6 unicast",
                           "no network 2001:db8:53::/48", "network 2001:db8:53::/48", "end"});
      REQUIRE(replies);
      REQUIRE(replies->size() == 1);
      CHECK(replies->front().command == "no network 192.0.2.0/24");
      CHECK(replies->front().text == (quagga
                                          ? "% Can't find specified static route configuration.\n"
                                          : "% Can't find static route specified\n"));
      CHECK(replies->front().status == 1);
      CHECK(recording.vty->unexpected().empty());
      CHECK(scene.server.connections() == 1);
    }
  }
}

TEST_CASE("one log-in serves for many calls") {
  const Model model;
  Scene scene(model.make());
  model.vty->answers["show one"] = "1\n";
  CHECK(scene.texts({"show one"}) == Words{"1\n"});
  CHECK(scene.configure(withdrawal));
  CHECK(scene.texts({"show one", "show one"}) == Words{"1\n", "1\n"});
  CHECK(scene.server.connections() == 1);
  CHECK(scene.lost == 0);
}

TEST_CASE("no commands need no connection") {
  const Model model;
  Scene scene(model.make());
  CHECK(scene.show({})->empty());
  CHECK(scene.configure({})->empty());
  CHECK(scene.server.connections() == 0);
}

TEST_CASE("behind a configuration lock nothing but the one command is typed") {
  const Recording recording("quagga-1.2.3-telnet-locked");
  Scene scene(recording.make());
  const auto failure = failure_of(scene.configure(withdrawal));
  CHECK(failure.trouble == Trouble::locked);
  CHECK(failure.error.text() ==
        "ask \"configure terminal\": bgpd answered \"VTY configuration is locked by other VTY\" "
        "(somebody sits in configuration mode)");
  CHECK(recording.vty->lines() ==
        Words{"zebra", "enable", "secret", "terminal length 0", "configure terminal"});
}

TEST_CASE("a bgpd that does not enter configuration mode for another reason refuses") {
  const Model model;
  Scene scene(model.make());
  model.vty->answers["configure terminal"] = "% Not today\n";
  const auto failure = failure_of(scene.configure(withdrawal));
  CHECK(failure.trouble == Trouble::refused);
  CHECK(model.vty->statements.empty());
}

TEST_CASE("configuration mode is always left, so that its lock is free for others") {
  const Model model;
  Scene scene(model.make());
  CHECK(scene.configure({"configure terminal", "router bgp 65001", "network 192.0.2.0/24"}));
  CHECK(model.vty->lines.back() == "end");
}

TEST_CASE("a wrong password is one try and a clear error, each time") {
  const Model model;
  Scene scene(model.make());
  model.vty->password = "another";
  for (std::size_t call = 1; call <= 2; ++call) {
    const auto failure = failure_of(scene.show({"show one"}));
    CHECK(failure.trouble == Trouble::unreachable);
    CHECK(failure.error.happened == "wrong password");
    CHECK(scene.server.connections() == call);
  }
  CHECK(scene.lost == 0);
}

TEST_CASE("a password corrected in its file is taken up by the next call") {
  const Model model;
  Scene scene(model.make());
  scene.write_password("enable", "wrong");
  CHECK(failure_of(scene.show({"show one"})).error.happened == "wrong enable password");
  scene.write_password("enable", "secret");
  CHECK(scene.show({"show one"}));
}

TEST_CASE("a password file that others can read is not used, and nobody is called") {
  const Model model;
  Scene scene(model.make());
  ::chmod(scene.access.password_file.c_str(), 0644);
  const auto failure = failure_of(scene.show({"show one"}));
  CHECK(failure.trouble == Trouble::unreachable);
  CHECK(failure.error.advice == "chmod 600 " + scene.access.password_file.string());
  CHECK(scene.server.connections() == 0);
}

TEST_CASE("a bgpd without an enable password needs no file for it") {
  const Model model;
  model.vty->enable_password = std::nullopt;
  Scene scene(model.make());
  scene.access.enable_password_file.clear();
  scene.connect();
  CHECK(scene.show({"show one"}));
}

TEST_CASE("a bgpd without a vty password cannot be reached this way") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    const Recording recording(bgpd + "-telnet-no-password"s, TranscriptVty::AtEnd::hangs_up);
    Scene scene(recording.make());
    const auto failure = failure_of(scene.show({"show one"}));
    CHECK(failure.trouble == Trouble::unreachable);
    CHECK(failure.error.happened == "bgpd has no vty password and so lets nobody in");
    CHECK(scene.lost == 0);
  }
}

TEST_CASE("where nobody listens, bgpd is unreachable at once") {
  const Model model;
  Scene scene(model.make());
  scene.server.die();
  const auto failure = failure_of(scene.show({"show one"}));
  CHECK(failure.trouble == Trouble::unreachable);
  CHECK(failure.error.text().starts_with("connect: connection refused"));
}

TEST_CASE("a bgpd that takes the connection and says nothing is silent") {
  const Model model;
  Scene scene(model.make());
  scene.access.telnet_timeout = 50ms;
  scene.connect();
  scene.server.treatment.freeze_after = 0;
  const auto failure = failure_of(scene.show({"show one"}));
  CHECK(failure.trouble == Trouble::silent);
  CHECK(failure.error.text() == "log in: no answer in 50 ms (is bgpd frozen?)");
}

TEST_CASE("a bgpd that freezes between two answers is silent, and is called anew when it is back") {
  const Model model;
  Scene scene(model.make());
  scene.access.telnet_timeout = 50ms;
  scene.connect();
  model.vty->answers["show one"] = "1\n";
  model.vty->answers["show two"] = std::string(1000, '2') + "\n";
  const auto log_in = model.vty->greeting().size() + "\r\nedge1> enable\r\nPassword: "s.size() +
                      "\r\nedge1# terminal length 0\r\nedge1# "s.size();
  scene.server.treatment.freeze_after = log_in + 100;
  const auto failure = failure_of(scene.show({"show one", "show two", "show one"}));
  CHECK(failure.trouble == Trouble::silent);
  CHECK(failure.error.text() == "ask \"show two\": no answer in 50 ms (is bgpd frozen?)");
  scene.server.treatment = {};
  CHECK(scene.texts({"show one"}) == Words{"1\n"});
  CHECK(scene.server.connections() == 2);
  CHECK(scene.lost == 0);
}

TEST_CASE("the end of an idle connection is told at once, and the next call logs in again") {
  const Model model;
  Scene scene(model.make());
  CHECK(scene.show({"show one"}));
  scene.server.hang_up();
  scene.run_until([&] { return scene.lost > 0; });
  CHECK(scene.lost == 1);
  CHECK(scene.show({"show one"}));
  CHECK(scene.lost == 1);
  CHECK(scene.server.connections() == 2);
}

TEST_CASE("bgpd's hang-up on an idle session is no loss") {
  const auto last_words = Transcript::load("quagga-1.2.3-telnet-idle-timeout").turns.back().recv;
  const Model model;
  Scene scene(model.make());
  CHECK(scene.show({"show one"}));
  scene.server.hang_up(last_words);
  CHECK(scene.show({"show one"}));
  CHECK(scene.server.connections() == 2);
  CHECK(scene.lost == 0);
}

TEST_CASE("a bgpd that dies in the middle of a call is unreachable, and the loss is told") {
  const Model model;
  Scene scene(model.make());
  scene.server.treatment.hang_up_at = "show two";
  const auto failure = failure_of(scene.show({"show one", "show two"}));
  CHECK(failure.trouble == Trouble::unreachable);
  CHECK(failure.error.text() == "ask \"show two\": bgpd hung up");
  scene.run_until([&] { return scene.lost > 0; });
  CHECK(scene.lost == 1);
}

TEST_CASE("a kept session that ends just when it is typed to is replaced without a word") {
  const Model model;
  Scene scene(model.make());
  model.vty->answers["show two"] = "2\n";
  scene.server.treatment.hang_up_at = "show two";
  CHECK(scene.show({"show one"}));
  scene.server.treatment = {};
  CHECK(scene.texts({"show two"}) == Words{"2\n"});
  CHECK(scene.server.connections() == 2);
}

TEST_CASE("statements are not typed into another session than the one that entered configuration") {
  const Model model;
  Scene scene(model.make());
  scene.server.treatment.hang_up_at = "router bgp 65001";
  const auto failure = failure_of(scene.configure(withdrawal));
  CHECK(failure.trouble == Trouble::unreachable);
  CHECK(scene.server.connections() == 1);
  CHECK(model.vty->statements.empty());
}

TEST_CASE("wherever bgpd hangs up, the call fails and the next one works") {
  const Model model;
  Scene scene(model.make());
  std::size_t cut = 0;
  for (;; ++cut) {
    CAPTURE(cut);
    scene.transport->close();
    scene.server.treatment.hang_up_after = cut;
    const auto configured = scene.configure(withdrawal);
    if (configured) break;
    CHECK(failure_of(configured).trouble == Trouble::unreachable);
    scene.server.treatment.hang_up_after = std::string::npos;
    CHECK(scene.show({"show one"}));
  }
  CHECK(cut > 200);
}

TEST_CASE("a call that is cancelled leaves no answer behind for the next one") {
  const Model model;
  Scene scene(model.make());
  model.vty->answers["show one"] = "1\n";
  CHECK(scene.show({"show one"}));
  scene.transport->close();

  const auto log_in = model.vty->greeting().size() + "\r\nedge1> enable\r\nPassword: "s.size() +
                      "\r\nedge1# terminal length 0\r\nedge1# "s.size();
  for (const auto said : {std::size_t{0}, log_in + 5}) {
    scene.server.treatment.freeze_after = said;
    boost::asio::cancellation_signal cancel;
    bool ended = false;
    boost::asio::co_spawn(
        scene.loop, scene.transport->show({"show one"}),
        boost::asio::bind_cancellation_slot(
            cancel.slot(), [&](const std::exception_ptr&, const Replies&) { ended = true; }));
    const auto before = scene.server.connections();
    scene.run_until([&] { return scene.server.connections() > before; });
    while (scene.loop.poll_one() > 0) {
    }
    CHECK_FALSE(ended);
    cancel.emit(boost::asio::cancellation_type::terminal);
    scene.run_until([&] { return ended; });
    scene.server.treatment = {};
    CHECK(scene.texts({"show one"}) == Words{"1\n"});
    scene.transport->close();
  }
}

TEST_CASE("closing in the middle of a call ends it") {
  const Model model;
  Scene scene(model.make());
  scene.server.treatment.freeze_after = 0;
  std::optional<Replies> result;
  boost::asio::co_spawn(
      scene.loop, scene.transport->show({"show one"}),
      [&](const std::exception_ptr&, Replies replies) { result.emplace(std::move(replies)); });
  scene.run_until([&] { return scene.server.connections() > 0; });
  scene.transport->close();
  scene.run_until([&] { return result.has_value(); });
  CHECK(failure_of(*result).trouble == Trouble::unreachable);
  CHECK(scene.lost == 0);
}

TEST_CASE("what would edit the line or ask for help is not typed") {
  const Model model;
  Scene scene(model.make());
  for (const auto* command :
       {"show ?", "show\tone", "one\ntwo", "one\rtwo", "\x03", "caf\xc3\xa9"}) {
    const auto failure = failure_of(scene.show({command}));
    CHECK(failure.trouble == Trouble::refused);
    CHECK(failure.error.happened == "it cannot be typed at a vty");
  }
  CHECK(std::ranges::none_of(model.vty->lines,
                             [](const std::string& line) { return line.starts_with("one"); }));
}

TEST_CASE("a new hostname costs one call a moment and is known from then on") {
  const Model model;
  Scene scene(model.make());
  model.vty->answers["show one"] = "1\n";
  CHECK(scene.show({"show one"}));
  model.vty->host = "core7";
  CHECK(scene.texts({"show one"}) == Words{"1\n"});
  CHECK(scene.texts({"show one", "show one"}) == Words{"1\n", "1\n"});
  CHECK(scene.server.connections() == 1);
}

TEST_CASE("a thousand statements all arrive, in their order") {
  const Model model;
  Scene scene(model.make());
  Words lines{"configure terminal", "router bgp 65001", "address-family ipv4 unicast"};
  for (int i = 0; i < 1000; ++i) {
    lines.push_back("network 10." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                    ".0/24");
  }
  const Words statements(lines.begin() + 3, lines.end());
  lines.insert(lines.end(), {"exit-address-family", "end"});
  const auto replies = scene.configure(lines);
  REQUIRE(replies);
  CHECK(replies->empty());
  CHECK(model.vty->statements == statements);
}

TEST_CASE("telnet calls itself by its address") {
  const Model model;
  Scene scene(model.make());
  scene.access.telnet = std::nullopt;
  scene.connect();
  CHECK(scene.transport->text() == "telnet 127.0.0.1:2605");
  scene.access.telnet = core::Endpoint{core::Address::parse("::1").value(), 2605};
  scene.connect();
  CHECK(scene.transport->text() == "telnet [::1]:2605");
}
