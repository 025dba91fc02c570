#include "src/protection.h"

#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include "backends/dynamodb/url.h"
#include "backends/postgres/url.h"
#include "io/error.h"

namespace bulk {

namespace {

constexpr std::string_view kPlaceholder = "{stage}";
constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kMainTable = "-main-table";
constexpr std::string_view kTable = "-table";

// The table that an endpoint names; "*" where it leaves it open or spells it in a way that would have to be decoded.
std::string_view table_part(std::string_view endpoint) {
  const std::string_view name = table_name(endpoint);
  return name.empty() || name.find('%') != std::string_view::npos ? "*" : name;
}

bool same_kind(std::string_view a, std::string_view b) {
  return a.starts_with(kDynamoDbScheme) == b.starts_with(kDynamoDbScheme) &&
         a.starts_with(kSqlite) == b.starts_with(kSqlite) && is_postgres_url(a) == is_postgres_url(b);
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// Variables become their values, those that are not set a `*`.
std::string with_variables(const std::string& text, const Environment& environment) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = text.find("${", at);
    const std::size_t end = begin == std::string::npos ? begin : text.find('}', begin);
    if (end == std::string::npos) break;
    out.append(text, at, begin - at);
    const auto value = environment(text.substr(begin + 2, end - begin - 2));
    out += value && !value->empty() ? *value : "*";
    at = end + 1;
  }
  return out.append(text, at);
}

std::vector<std::string_view> pieces(std::string_view url) {
  std::vector<std::string_view> all;
  while (!url.empty()) {
    const std::size_t end = url.find_first_of(":/?#&=@,");
    all.push_back(url.substr(0, end));
    if (end == std::string_view::npos) break;
    url.remove_prefix(end + 1);
  }
  return all;
}

// Stages whose source may be `url`, by the pieces of the template in which `{stage}` stands.
std::set<std::string> derived_stages(const std::string& source, const std::string& url) {
  std::set<std::string> stages;
  for (const std::string_view form : pieces(source)) {
    const std::size_t at = form.find(kPlaceholder);
    if (at == std::string_view::npos) continue;
    const std::string_view before = form.substr(0, at);
    const std::string_view after = form.substr(at + kPlaceholder.size());
    for (const std::string_view piece : pieces(url)) {
      if (piece.size() <= before.size() + after.size() || !piece.starts_with(before) || !piece.ends_with(after))
        continue;
      stages.emplace(piece.substr(before.size(), piece.size() - before.size() - after.size()));
    }
  }
  return stages;
}

// The database that a URL names; nothing where it leaves that to variables, a service file or a pattern.
std::optional<std::string> database_of(const std::string& url) {
  try {
    std::optional<std::string> name;
    for (const auto& [keyword, value] : parse_postgres_url(url).parameters) {
      if (keyword == "service") return std::nullopt;
      if (keyword == "dbname") name = value;
    }
    return name && name->find('*') == std::string::npos ? name : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool names_its_server(const std::string& url) {
  bool host = false, database = false;
  for (const auto& [keyword, value] : parse_postgres_url(url).parameters) {
    host = host || keyword == "host" || keyword == "hostaddr";
    database = database || keyword == "dbname";
  }
  return host && database;
}

bool may_be_one_database(const std::string& a, const std::string& b) {
  const std::optional<std::string> first = database_of(a), second = database_of(b);
  return !first || !second || *first == *second;
}

// Of PostgreSQL: "postgresql SYSTEM/OID", where SYSTEM is the server's own number, or its address, of which it may have
// several.
bool can_be_told_apart(const std::string& a, const std::string& b) {
  constexpr std::string_view kBegin = "postgresql ";
  for (const std::string* const identity : {&a, &b}) {
    if (!identity->starts_with(kBegin)) continue;
    const std::string system = identity->substr(kBegin.size(), identity->find('/') - kBegin.size());
    if (system.find_first_not_of("0123456789") != std::string::npos) return false;
  }
  return true;
}

// Has a rule a property, itself or through [stages.default]?
using Property = std::function<bool(const StageRule* rule, const StageRule* fallback)>;

class Finder {
 public:
  Finder(const Config& config, Store& table, const StoreContext& context)
      : config_(config),
        context_(context),
        url_(table.url()),
        name_(table_part(url_)),
        identity_(table.identity_text()) {}

  std::optional<std::string> find(const Property& property) const {
    const StageRule* fallback = default_rule(config_);
    for (const StageRule& rule : config_.rules) {
      const bool is_default = &rule == fallback;
      if (!property(is_default ? nullptr : &rule, fallback)) continue;
      if (auto stage = rule.is_pattern() || is_default ? of_many(rule, is_default) : of_one(rule)) return stage;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> of_one(const StageRule& rule) const {
    const std::string source = with_variables(source_template(config_, &rule, rule.name).value, context_.environment);
    if (fits(replaced(source, kPlaceholder, rule.name), rule.name, &rule) && is_table_of(rule.name)) return rule.name;
    return std::nullopt;
  }

  // A pattern, or the default.
  std::optional<std::string> of_many(const StageRule& rule, bool is_default) const {
    const StageRule* wanted = is_default ? nullptr : &rule;
    if (is_default && best_rule(config_, "local") == nullptr) {
      const std::string source = source_template(config_, nullptr, "local").value;
      if (fits(replaced(with_variables(source, context_.environment), kPlaceholder, "local"), "local", nullptr) &&
          is_table_of("local")) {
        return "local";
      }
    }
    const std::string source = with_variables(source_template(config_, wanted, "").value, context_.environment);
    std::set<std::string> stages = derived_stages(source, url_);
    if (!is_default && table_part(source) == std::string(kPlaceholder) + std::string(kMainTable)) {
      for (std::size_t dash = name_.find('-'); dash != std::string::npos; dash = name_.find('-', dash + 1)) {
        stages.insert(name_.substr(0, dash));
      }
    }
    for (const std::string& stage : stages) {
      if (best_rule(config_, stage) != wanted) continue;
      if (fits(replaced(source, kPlaceholder, stage), stage, wanted) && is_table_of(stage)) return stage;
    }
    // Variables and service files may lead to any stage: nothing in the URL says which.
    if (stages.empty() && is_postgres_url(url_) && same_kind(source, url_) && !names_its_server(url_)) return rule.name;
    // Without a stage's name there is no identity to compare: only the name can decide.
    const bool derivable = source.find('*') == std::string::npos && !pieces_with_stage(source).empty();
    const std::string form = replaced(source, kPlaceholder, is_default ? "*" : rule.name);
    if (!derivable && same_kind(form, url_) && matches_pattern(table_part(form), name_)) return rule.name;
    return std::nullopt;
  }

  static std::string pieces_with_stage(const std::string& source) {
    for (const std::string_view piece : pieces(source)) {
      if (piece.find(kPlaceholder) != std::string_view::npos) return std::string(piece);
    }
    return {};
  }

  // Can the source of `stage` (`*`: unknown parts) be this table, by its name?
  bool fits(const std::string& source, const std::string& stage, const StageRule* rule) const {
    if (!same_kind(source, url_)) return false;
    if (is_postgres_url(url_)) return may_be_one_database(source, url_);
    const std::string_view form = table_part(source);
    if (name_ == "*" || matches_pattern(form, name_)) return true;
    if (form != stage + std::string(kMainTable)) return false;
    const bool is_further =
        name_.starts_with(stage + "-") && name_.ends_with(kTable) && name_.size() > stage.size() + 1 + kTable.size();
    return is_further && !is_main_table_of_another(rule);
  }

  bool is_main_table_of_another(const StageRule* rule) const {
    if (!name_.ends_with(kMainTable)) return false;
    const StageRule* owner = best_rule(config_, name_.substr(0, name_.size() - kMainTable.size()));
    return owner != nullptr && owner != rule;
  }

  bool is_table_of(const std::string& name) const {
    try {
      const Stage stage = locate_stage(config_, name, context_.environment);
      StoreContext context = context_;
      context.profile = stage.profile;
      context.region = stage.region;
      context.endpoint_url = stage.endpoint_url;
      if (url_.starts_with(kDynamoDbScheme)) {
        const DynamoDbUrl own = parse_dynamodb_url(url_);
        if (context.profile.empty()) context.profile = own.profile;
        if (context.region.empty()) context.region = own.region;
        if (context.endpoint_url.empty()) context.endpoint_url = own.endpoint;
      }
      const bool further = table_part(stage.source) == name + std::string(kMainTable) && name_.starts_with(name + "-");
      const auto store = open_store(further ? stage_source(stage, name_) : stage.source, context);
      const std::string identity = store->identity_text();
      return same_identity(identity, identity_) || !can_be_told_apart(identity, identity_);
    } catch (const Error&) {
      return true;  // fail safe: see protection.h
    }
  }

  const Config& config_;
  const StoreContext& context_;
  const std::string url_;
  const std::string name_;
  const std::string identity_;
};

}  // namespace

bool same_identity(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const std::string& longer = a.size() > b.size() ? a : b;
  const std::string& shorter = a.size() > b.size() ? b : a;
  // A table is a part of its database.
  if (shorter.starts_with("postgresql ") && longer.starts_with(shorter + " #")) return true;
  return longer.starts_with(shorter + " of account ") ||
         (shorter.starts_with(kSqlite) && longer.starts_with(shorter + "#"));
}

std::optional<std::string> protecting_stage(const Config& config, Store& table, const StoreContext& context) {
  return Finder(config, table, context).find([](const StageRule* rule, const StageRule* fallback) {
    if (rule != nullptr && rule->is_protected) return *rule->is_protected;
    return fallback != nullptr && fallback->is_protected.value_or(false);
  });
}

std::optional<std::string> encrypting_stage(const Config& config, Store& table, const StoreContext& context) {
  return Finder(config, table, context).find([](const StageRule* rule, const StageRule* fallback) {
    if (rule != nullptr && rule->encrypt_to) return !rule->encrypt_to->empty();
    return fallback != nullptr && fallback->encrypt_to && !fallback->encrypt_to->empty();
  });
}

}  // namespace bulk
