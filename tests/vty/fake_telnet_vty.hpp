#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transcript.hpp"
#include "vty/telnet_session.hpp"

namespace withdrawd::test {

/// bgpd's vty as a telnet client meets it, without a network.
class FakeTelnetVty {
 public:
  virtual ~FakeTelnetVty() = default;

  /// What it says to whoever connects.
  virtual std::string greeting() = 0;
  /// What it says to a line.
  virtual std::string answer(const std::string& line) = 0;
  /// Does it hang up after what it has said?
  virtual bool hangs_up() const = 0;
};

/// Says what a real bgpd said, and takes note of every line that the transcript does not expect at
/// that point. Knows of itself only "terminal length 0", which most transcripts lack.
class TranscriptVty : public FakeTelnetVty {
 public:
  enum class AtEnd { stays, hangs_up };
  explicit TranscriptVty(Transcript transcript, AtEnd at_end = AtEnd::stays)
      : transcript_(std::move(transcript)), at_end_(at_end) {}

  std::string greeting() override { return take_turn(); }
  std::string answer(const std::string& line) override;
  bool hangs_up() const override {
    return at_end_ == AtEnd::hangs_up && next_ == transcript_.turns.size();
  }

  /// What it says by itself next.
  std::string take_turn();

  const std::vector<std::string>& lines() const { return lines_; }
  const std::vector<std::string>& unexpected() const { return unexpected_; }

 private:
  Transcript transcript_;
  AtEnd at_end_;
  std::size_t next_ = 0;
  std::string prompt_;
  std::vector<std::string> lines_;
  std::vector<std::string> unexpected_;
};

/// A bgpd that can be given any name, banner and answer.
class ModelVty : public FakeTelnetVty {
 public:
  std::string banner = "\r\nHello, this is bgpd.\r\n";
  std::string host = "edge1";
  std::optional<std::string> password = "zebra";  ///< none: `no login`
  std::optional<std::string> enable_password = "secret";
  bool advanced = false;                       ///< `service advanced-vty`: enabled by logging in
  std::map<std::string, std::string> answers;  ///< by command, in any node; lines end with LF
  std::vector<std::string> lines;              ///< all that was typed, without the passwords
  std::vector<std::string> statements;         ///< what was typed below `router bgp`

  std::string greeting() override;
  std::string answer(const std::string& line) override;
  bool hangs_up() const override { return false; }

  std::string prompt() const;

 private:
  enum class Node { auth, view, auth_enable, enable, config, router, family };
  std::string in_node(const std::string& line);
  Node node_ = Node::auth;
};

/// Everything that the vty said until the session had nothing more to say.
/// `piece`: how many bytes the session is given at a time. `limit`: bytes after which the vty falls
/// silent.
std::string converse(vty::TelnetSession& session, FakeTelnetVty& peer,
                     std::size_t piece = std::string::npos, std::size_t limit = std::string::npos);

/// `with_greeting` first.
std::string log_in(vty::TelnetSession& session, FakeTelnetVty& peer,
                   std::size_t piece = std::string::npos);

}  // namespace withdrawd::test
