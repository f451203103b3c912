# Completion of withdrawd(8) for bash. tests/package/test_completion.py holds it to what the program
# has: a new command or option gets its word here.

_withdrawd_options() {
  local common="-c --config -h --help" daemon="-s --socket" log="--log --log-format --log-level"
  case $1 in
    run | once) echo "$common $log" ;;
    cron)
      echo "$common $log --for --hard --name --server --pid-file --process-name --restart"
      ;;
    status | fleet) echo "$common $daemon --json --watch --interval" ;;
    show) echo "$common $daemon --json" ;;
    check | doctor) echo "$common --json" ;;
    log) echo "$common --json -n --lines --since --until -f --follow" ;;
    drain) echo "$common $daemon --all --for --reason --force" ;;
    undrain) echo "$common $daemon --all" ;;
    reload | now) echo "$common $daemon" ;;
    plan | validate) echo "$common" ;;
    "") echo "-h --help -V --version" ;;
  esac
}

# Names of [check.NAME] or [rule.NAME] in the configuration.
_withdrawd_names() {
  sed -n "s/^[[:space:]]*\[$2\.\"\{0,1\}\([A-Za-z0-9_.-]*\)\"\{0,1\}\].*/\1/p" "$1" 2>/dev/null
}

# What looks like a prefix on a line that lists some.
_withdrawd_prefixes() {
  sed -n '/^[[:space:]]*prefixes[[:space:]]*=/,/\]/p' "$1" 2>/dev/null |
    grep -o '"[0-9A-Fa-f.:]*/[0-9]*"' | tr -d '"'
}

_withdrawd() {
  local commands="run cron once status show plan check doctor log validate drain undrain reload now fleet"
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command="" file=/etc/withdrawd/withdrawd.toml i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      -c | --config) file=${COMP_WORDS[i + 1]} ;;
      -*) ;;
      *) [[ -n $command ]] || command=${COMP_WORDS[i]} ;;
    esac
  done

  COMPREPLY=()
  case $previous in
    -c | --config | -s | --socket | --log | --pid-file)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --log-format)
      mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current")
      return
      ;;
    --log-level)
      mapfile -t COMPREPLY < <(compgen -W "debug info warning error critical" -- "$current")
      return
      ;;
    --for | --since | --until | --interval | --name | --server | --process-name | --restart | --reason | -n | --lines)
      return
      ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_withdrawd_options "$command")" -- "$current")
    return
  fi
  local words=""
  case $command in
    "") words=$commands ;;
    check) words=$(_withdrawd_names "$file" check) ;;
    show) words=$(_withdrawd_prefixes "$file") ;;
    status | doctor | log | drain | undrain)
      words="$(_withdrawd_names "$file" rule) $(_withdrawd_prefixes "$file")"
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  # Readline takes the part of an IPv6 prefix before the last colon for a word of its own.
  if declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions "$current"
  fi
}

complete -F _withdrawd withdrawd
