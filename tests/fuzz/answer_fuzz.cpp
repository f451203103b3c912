// The judge, and validation behind it. Input: two bytes, the length of an answer; the answer; the
// rest is what every question for keys is answered with.
#include <algorithm>

#include "dns/message.hpp"
#include "dns/validation.hpp"
#include "must.hpp"

using namespace withdrawd;

namespace {

// Of the zone that the corpus was made from, as is the moment.
constexpr std::string_view anchor =
    "test.com. IN DS 6330 13 2 2e05e8c6d47a8c2c28977bd76905d31e802b97f3ed6568c2c3f3ec1e78d6fd6b";
constexpr std::time_t moment = 1795483578;

void judge_and_validate(std::span<const std::uint8_t> answer, std::span<const std::uint8_t> keys) {
  dns::Reader reader(answer);
  const auto header = dns::read_header(reader);
  const auto name = header ? reader.name() : std::nullopt;
  const auto type = name ? reader.number() : std::nullopt;
  if (!type) return;
  const auto question = dns::Question::signed_records(*name, *type, {});
  core::DnsExpectations expect{.min_answers = 0, .any = {"192.0.2.1"}, .all = {"x"}};
  core::Account account;
  const auto told = dns::judge(answer, header->id, question, expect, &account);
  must(told == dns::judge(answer, header->id, question, expect));
  for (const auto& step : account.expectations) must_be_printable(step.what + step.seen);
  for (const auto& fact : account.facts) must_be_printable(fact.value);
  for (const auto& record : account.answers) must_be_printable(record);
  if (const auto* verdict = std::get_if<dns::Verdict>(&told)) must_be_printable(verdict->detail);

  const core::Dnssec settings{core::parse_trust_anchors(anchor).value(), {}};
  dns::Validation validation(settings, *name, *type, moment);
  validation.judge(answer);
  for (std::size_t questions = 0;; ++questions) {
    const auto needed = validation.next();
    if (!needed) break;
    must(questions < dns::Validation::most_questions);
    validation.take(*needed, keys);
  }
  must_be_printable(validation.wrong());
  for (const auto& step : validation.steps()) must_be_printable(step.what + step.seen);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::span rest(data + 2, size - 2);
  const auto length = std::min<std::size_t>(rest.size(), data[0] << 8 | data[1]);
  judge_and_validate(rest.first(length), rest.subspan(length));
  return 0;
}
