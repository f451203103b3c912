# Completion of withdrawd(8) for fish. tests/package/test_completion.py holds it to what the program
# has: a new command or option gets its line here.

# The configuration that is named on the line, or the usual one.
function __withdrawd_file
    set -l words (commandline -opc)
    for i in (seq (count $words))
        if contains -- $words[$i] -c --config; and set -q words[(math $i + 1)]
            echo $words[(math $i + 1)]
            return
        end
    end
    echo /etc/withdrawd/withdrawd.toml
end

function __withdrawd_names
    sed -n "s/^[[:space:]]*\[$argv[1]\.\"\{0,1\}\([A-Za-z0-9_.-]*\)\"\{0,1\}\].*/\1/p" (__withdrawd_file) 2>/dev/null
end

function __withdrawd_prefixes
    sed -n '/^[[:space:]]*prefixes[[:space:]]*=/,/\]/p' (__withdrawd_file) 2>/dev/null |
        grep -o '"[0-9A-Fa-f.:]*/[0-9]*"' | tr -d '"'
end

set -l commands run cron once status show plan check doctor log validate drain undrain reload now fleet
set -l none "not __fish_seen_subcommand_from $commands"

complete -c withdrawd -f
complete -c withdrawd -n "$none" -s V -l version -d "Print the version"
complete -c withdrawd -s h -l help -d "Print a summary"
complete -c withdrawd -n "not $none" -s c -l config -r -F -d "Configuration file"

complete -c withdrawd -n "$none" -a run -d "Check and act until SIGTERM"
complete -c withdrawd -n "$none" -a cron -d "Check and act for a minute"
complete -c withdrawd -n "$none" -a once -d "One full round"
complete -c withdrawd -n "$none" -a status -d "What is announced, what is not, and why"
complete -c withdrawd -n "$none" -a show -d "One prefix in full"
complete -c withdrawd -n "$none" -a plan -d "What would be typed into bgpd now"
complete -c withdrawd -n "$none" -a check -d "Ask now and explain the verdict"
complete -c withdrawd -n "$none" -a doctor -d "Walk through all that must be right on this host"
complete -c withdrawd -n "$none" -a log -d "What has changed"
complete -c withdrawd -n "$none" -a validate -d "Say what is wrong with the configuration"
complete -c withdrawd -n "$none" -a drain -d "Move traffic away"
complete -c withdrawd -n "$none" -a undrain -d "End a drain"
complete -c withdrawd -n "$none" -a reload -d "Let the daemon read its configuration again"
complete -c withdrawd -n "$none" -a now -d "Let the daemon ask all checks at once"
complete -c withdrawd -n "$none" -a fleet -d "Where every site stands with every prefix"

set -l is "__fish_seen_subcommand_from"
complete -c withdrawd -n "$is run cron once" -l log -r -F -d "Where to log: a file, stderr, journal or syslog"
complete -c withdrawd -n "$is run cron once" -l log-format -x -a "text json" -d "Of lines on standard error or in a file"
complete -c withdrawd -n "$is run cron once" -l log-level -x -a "debug info warning error critical" -d "Least severity to log"
complete -c withdrawd -n "$is cron" -l for -x -d "How long"
complete -c withdrawd -n "$is cron" -l hard -d "No vty: stop and restart bgpd"
complete -c withdrawd -n "$is cron" -l name -x -d "The name to ask for"
complete -c withdrawd -n "$is cron" -l server -x -d "The DNS server to ask"
complete -c withdrawd -n "$is cron" -l pid-file -r -F -d "bgpd's pid file"
complete -c withdrawd -n "$is cron" -l process-name -x -d "bgpd's process name"
complete -c withdrawd -n "$is cron" -l restart -x -d "What restarts bgpd"
complete -c withdrawd -n "$is status show check doctor log fleet" -l json -d "For scripts"
complete -c withdrawd -n "$is status show fleet drain undrain reload now" -s s -l socket -r -F -d "Control socket of the running withdrawd"
complete -c withdrawd -n "$is status fleet" -l watch -d "Again and again"
complete -c withdrawd -n "$is status fleet" -l interval -x -d "How often"
complete -c withdrawd -n "$is log" -s n -l lines -x -d "Only the last so many"
complete -c withdrawd -n "$is log" -l since -x -d "Only what has changed since"
complete -c withdrawd -n "$is log" -l until -x -d "Only what had changed before"
complete -c withdrawd -n "$is log" -s f -l follow -d "Go on showing"
complete -c withdrawd -n "$is drain undrain" -l all -d "Every prefix of every rule"
complete -c withdrawd -n "$is drain" -l for -x -d "End it after this time"
complete -c withdrawd -n "$is drain" -l reason -x -d "For those who wonder why"
complete -c withdrawd -n "$is drain" -l force -d "Without leave of the fleet"
complete -c withdrawd -n "$is check" -a "(__withdrawd_names check)" -d check
complete -c withdrawd -n "$is status doctor log drain undrain" -a "(__withdrawd_names rule)" -d rule
complete -c withdrawd -n "$is status doctor show log drain undrain" -a "(__withdrawd_prefixes)" -d prefix
