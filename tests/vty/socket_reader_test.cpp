#include "vty/socket_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "transcript.hpp"

using namespace withdrawd;
using vty::SocketReader;

namespace {

using Answers = std::vector<std::pair<std::string, int>>;

/// All that the reader gives out now.
Answers take(SocketReader& reader) {
  Answers answers;
  while (true) {
    auto answer = reader.next();
    REQUIRE(answer);
    if (!*answer) return answers;
    answers.emplace_back((*answer)->text, (*answer)->status);
  }
}

std::string framed(std::string_view text, int status) {
  return std::string(text) + std::string(3, '\0') + static_cast<char>(status);
}

}  // namespace

TEST_CASE("answers come out as they were recorded, however the bytes are split") {
  for (const std::string name :
       {"quagga-1.2.3-socket-withdraw-announce", "frr-8.4.4-socket-withdraw-announce"}) {
    const auto transcript = test::Transcript::load(name);
    std::string all;
    Answers wanted;
    for (const auto& turn : transcript.turns) {
      all += turn.recv;
      const auto text_end = turn.recv.size() - 4;
      wanted.emplace_back(turn.recv.substr(0, text_end), turn.recv.back());
    }
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                    std::size_t{1000}, all.size()}) {
      CAPTURE(piece);
      SocketReader reader;
      Answers got;
      for (std::size_t at = 0; at < all.size(); at += piece) {
        reader.feed(std::string_view(all).substr(at, piece));
        for (auto& answer : take(reader)) got.push_back(std::move(answer));
      }
      CHECK(got == wanted);
    }
  }
}

TEST_CASE("nothing comes out before the status byte is there") {
  const auto bytes = framed("text\n", 13);
  SocketReader reader;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    reader.feed(bytes.substr(i, 1));
    CHECK(take(reader).empty());
  }
  reader.feed(bytes.substr(bytes.size() - 1));
  CHECK(take(reader) == Answers{{"text\n", 13}});
}

TEST_CASE("a status byte of 0 is told from the NULs before it") {
  SocketReader reader;
  reader.feed(framed("", 0) + framed("", 0) + framed("a", 2) + framed("", 0));
  CHECK(take(reader) == Answers{{"", 0}, {"", 0}, {"a", 2}, {"", 0}});
}

TEST_CASE("bytes that are not framed like this are an error, and stay one") {
  for (const auto& bytes : {std::string("a\0b", 3), std::string("a\0\0b\0\0\0\0", 8)}) {
    SocketReader reader;
    reader.feed(bytes);
    CHECK_FALSE(reader.next());
    reader.feed(framed("", 0));
    CHECK_FALSE(reader.next());
  }
}

TEST_CASE("an answer that never ends is an error once it is too long") {
  SocketReader reader(1000);
  reader.feed(std::string(1000, 'x'));
  CHECK(take(reader).empty());
  reader.feed("x");
  CHECK_FALSE(reader.next());

  SocketReader exactly(1000);
  exactly.feed(framed(std::string(1000, 'x'), 0));
  CHECK(take(exactly).size() == 1);
}

TEST_CASE("a hundred thousand short answers cost no quadratic copying") {
  std::string bytes;
  for (int i = 0; i < 100000; ++i) bytes += framed("x\n", 0);
  SocketReader reader;
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 100) {
    reader.feed(std::string_view(bytes).substr(at, 100));
    count += take(reader).size();
  }
  CHECK(count == 100000);
}
