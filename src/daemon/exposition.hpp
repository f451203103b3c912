#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/meter.hpp"

namespace withdrawd::daemon {

/// Text in Prometheus' exposition format, version 0.0.4: a family at a time, its samples behind it.
class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a family; without samples it is not shown.
  void gauge(std::string_view name, std::string_view help);
  void counter(std::string_view name, std::string_view help);
  void histogram(std::string_view name, std::string_view help);

  /// Of the family that was begun last.
  void sample(Labels labels, double value);
  void sample(Labels labels, const Histogram& value);

  const std::string& text() const { return text_; }
  std::size_t series() const { return series_; }

 private:
  void begin(std::string_view name, std::string_view type, std::string_view help);
  void show_head();
  void line(std::string_view suffix, Labels labels, std::string_view bound, double value);

  std::string text_;
  std::string head_;  ///< of the family, until it has a sample
  std::string name_;
  std::size_t series_ = 0;
};

/// As a label's value has it: backslash, quote and line feed escaped.
std::string escaped_label(std::string_view text);

}  // namespace withdrawd::daemon
