#include "codecs/sql_script.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {

namespace {

// psql's lexer (psqlscan.l) knows letters of ASCII alone; every byte from 0x80 on is a letter.
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_newline(char c) {
  return c == '\n' || c == '\r';
}

bool same_word(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b; });
}

// What a statement is made of, as far as its kind depends on it: words as they stand, anything that is quoted as its
// quote, other characters by themselves.
using Tokens = std::vector<std::string_view>;

// What a statement begins with.
class TokenReader {
 public:
  explicit TokenReader(const Tokens& tokens) : tokens_(tokens) {}

  bool word(std::string_view lower) {
    if (at_ == tokens_.size() || !same_word(tokens_[at_], lower)) return false;
    ++at_;
    return true;
  }
  bool words(std::initializer_list<std::string_view> lower) {
    return std::all_of(lower.begin(), lower.end(), [this](std::string_view one) { return word(one); });
  }
  // `a`, "a" or `a.b`: never keywords, which are quoted where they are names.
  bool name() {
    do {
      if (at_ == tokens_.size()) return false;
      ++at_;
    } while (word("."));
    return true;
  }

 private:
  const Tokens& tokens_;
  std::size_t at_ = 0;
};

bool adds_index_constraint(const Tokens& tokens) {
  TokenReader reader(tokens);
  if (!reader.words({"alter", "table"})) return false;
  if (reader.word("if") && !reader.word("exists")) return false;
  reader.word("only");
  if (!reader.name() || !reader.words({"add", "constraint"}) || !reader.name()) return false;
  if (reader.word("exclude")) return true;
  // One that takes an index over depends on the statement that makes it.
  if (!reader.word("unique") && !reader.words({"primary", "key"})) return false;
  return !reader.words({"using", "index"});
}

bool creates_index(const Tokens& tokens) {
  TokenReader reader(tokens);
  if (!reader.word("create")) return false;
  reader.word("unique");
  return reader.word("index");
}

// ALTER ... OWNER TO name; (A column or value of the name `owner` that is renamed ends like that too; no dump renames.)
bool sets_owner(const Tokens& tokens) {
  const std::size_t count = tokens.size();
  return count > 5 && same_word(tokens[0], "alter") && same_word(tokens[count - 4], "owner") &&
         same_word(tokens[count - 3], "to");
}

StatementKind kind_of(const Tokens& tokens) {
  const auto begins = [&](std::initializer_list<std::string_view> words) { return TokenReader(tokens).words(words); };
  if (begins({"set", "session", "authorization"}) || begins({"reset", "session", "authorization"}) ||
      begins({"grant"}) || begins({"revoke"}) || begins({"alter", "default", "privileges"}) || sets_owner(tokens)) {
    return StatementKind::ownership;
  }
  if (begins({"set"}) || begins({"select", "pg_catalog", ".", "set_config", "("})) return StatementKind::setting;
  if (creates_index(tokens) || adds_index_constraint(tokens)) return StatementKind::parallel;
  if (begins({"comment", "on"}) || begins({"security", "label"})) return StatementKind::comment;
  return StatementKind::other;
}

// Follows psql: what it takes for the end of a statement is one here.
class Splitter {
 public:
  explicit Splitter(std::string_view script) : script_(script), at_(script.data()), end_(at_ + script.size()) {}

  std::vector<Statement> run() {
    // Whoever is given a statement as a C string would run the beginning of it.
    if (const std::size_t nul = script_.find('\0'); nul != std::string_view::npos) fail("a NUL character", at_ + nul);
    while (skip_between()) statement();
    return std::move(statements_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return static_cast<std::size_t>(end_ - at_) > ahead ? at_[ahead] : '\0'; }

  // White space, comments, empty statements and psql's own lines; false at the end of the script.
  bool skip_between() {
    while (at_ != end_) {
      if (is_space(*at_) || *at_ == ';') {
        ++at_;
      } else if (*at_ == '\\') {
        psql_command();
      } else if (!comment()) {
        return true;
      }
    }
    return false;
  }

  void psql_command() {
    const char* const stop = std::find_if(at_, end_, is_newline);
    const std::string_view line(at_, static_cast<std::size_t>(stop - at_));
    const std::string_view command = line.substr(1, line.find(' ') - 1);
    if (command != "restrict" && command != "unrestrict" && command != "connect") {
      fail("psql's command '" + shown(line) + "' is not known", at_);
    }
    at_ = stop;
  }

  void statement() {
    const char* const begin = at_;
    tokens_.clear();
    depth_ = 0;
    bodies_ = 0;
    words_ = 0;
    makes_function_ = false;
    function_words_.fill('\0');
    while (at_ != end_) {
      if (*at_ == ';' && depth_ == 0 && bodies_ == 0) {
        add_token(at_, at_ + 1);
        ++at_;
        statements_.push_back({{begin, static_cast<std::size_t>(at_ - begin)}, kind_of(tokens_)});
        return;
      }
      token();
    }
    fail("a statement that does not end", begin);
  }

  void token() {
    if (comment()) return;
    const char c = *at_;
    if (is_space(c) || is_digit(c)) {
      ++at_;  // a dollar or letter behind a number is none of it
    } else if (c == '\'' || c == '"') {
      quoted(at_, false);
    } else if ((c == 'e' || c == 'E') && peek(1) == '\'') {
      const char* const begin = at_++;
      quoted(begin, true);
    } else if (begins_name(c)) {
      word();
    } else if (c == '$') {
      dollar();
    } else {
      single(c);
    }
  }

  void single(char c) {
    if (c == '\\') fail("a backslash in a statement", at_);
    if (c == '(') ++depth_;
    if (c == ')' && depth_ > 0) --depth_;
    add_token(at_, at_ + 1);
    ++at_;
  }

  // -- to the end of the line, or /* */, which nest.
  bool comment() {
    const char* const begin = at_;
    if (peek() == '-' && peek(1) == '-') {
      at_ = std::find_if(at_, end_, is_newline);
      return true;
    }
    if (peek() != '/' || peek(1) != '*') return false;
    std::size_t depth = 0;
    do {
      if (at_ == end_) fail("a comment that does not end", begin);
      if (peek() == '/' && peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (peek() == '*' && peek(1) == '/') {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0);
    return true;
  }

  // '...', "..." or, with escapes, E'...'. A doubled quote ends it and begins it again.
  void quoted(const char* begin, bool escapes) {
    const char quote = *at_;
    const char* const open = at_;
    do {
      for (++at_; at_ != end_ && *at_ != quote; ++at_) {
        if (escapes && *at_ == '\\' && at_ + 1 != end_) ++at_;
      }
      if (at_ == end_) fail(quote == '"' ? "a name in quotes that does not end" : "a string that does not end", begin);
      ++at_;
      // A string goes on behind white space with a line break, and with it what its letter E means.
    } while (peek() == quote || (escapes && continues()));
    add_token(open, open + 1);
  }

  bool continues() {
    const char* at = at_;
    bool newline = false;
    while (at != end_ && (is_space(*at) || (end_ - at > 1 && at[0] == '-' && at[1] == '-'))) {
      newline |= is_newline(*at);
      at = *at == '-' ? std::find_if(at, end_, is_newline) : at + 1;
    }
    if (at == end_ || *at != '\'' || !newline) return false;
    at_ = at;
    return true;
  }

  // $tag$...$tag$, or the number of a parameter.
  void dollar() {
    const char* const begin = at_++;
    if (begins_name(peek())) {
      while (begins_name(peek()) || is_digit(peek())) ++at_;
    }
    if (peek() != '$') {
      at_ = begin + 1;
      return;
    }
    const std::string_view tag(begin, static_cast<std::size_t>(++at_ - begin));
    const std::size_t found = script_.find(tag, static_cast<std::size_t>(at_ - script_.data()));
    if (found == std::string_view::npos) fail("a string in " + shown(tag) + " that does not end", begin);
    at_ = script_.data() + found + tag.size();
    add_token(begin, begin + 1);
  }

  void word() {
    const char* const begin = at_;
    while (begins_name(peek()) || is_digit(peek()) || peek() == '$') ++at_;
    const std::string_view text(begin, static_cast<std::size_t>(at_ - begin));
    add_token(begin, at_);
    follow_body(text);
  }

  // The body of an SQL-standard function is BEGIN ATOMIC ...; ...; END, with CASE ... END inside. (psql counts every
  // BEGIN; but that may be the name of a column, or of the function.)
  void follow_body(std::string_view text) {
    static constexpr std::array<std::string_view, 5> kWords = {"create", "or", "replace", "function", "procedure"};
    if (words_ < function_words_.size()) {
      const bool known =
          std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return same_word(text, word); });
      if (known) function_words_[words_] = static_cast<char>(text[0] | 0x20);
      const std::string_view seen(function_words_.data(), function_words_.size());
      makes_function_ =
          seen.starts_with("cf") || seen.starts_with("cp") || seen.starts_with("corf") || seen.starts_with("corp");
      ++words_;
    }
    if (!makes_function_ || depth_ > 0) return;
    const bool begins = same_word(text, "atomic") && tokens_.size() > 1 && same_word(tokens_.end()[-2], "begin");
    if (begins || (bodies_ > 0 && same_word(text, "case"))) {
      ++bodies_;
    } else if (bodies_ > 0 && same_word(text, "end")) {
      --bodies_;
    }
  }

  // Kinds depend on the first tokens and on the last four: those between are let go.
  void add_token(const char* begin, const char* end) {
    constexpr std::size_t kMost = 64;
    if (tokens_.size() == kMost) tokens_.erase(tokens_.begin() + kMost / 2);
    tokens_.emplace_back(begin, static_cast<std::size_t>(end - begin));
  }

  [[noreturn]] void fail(const std::string& what, const char* where) const {
    const auto line = std::count(script_.data(), where, '\n') + 1;
    throw Error(ErrorKind::corrupt, "SQL script: " + what + " (line " + std::to_string(line) + ")");
  }

  std::string_view script_;
  const char* at_;
  const char* end_;
  std::vector<Statement> statements_;
  // Of the statement under way:
  Tokens tokens_;
  std::size_t depth_ = 0;   // of brackets
  std::size_t bodies_ = 0;  // BEGIN and CASE without their END
  std::size_t words_ = 0;
  bool makes_function_ = false;
  std::array<char, 4> function_words_{};  // first letters of the first words, where they are those of CREATE FUNCTION
};

}  // namespace

std::vector<Statement> split_sql(std::string_view script) {
  return Splitter(script).run();
}

}  // namespace bulk
