# frozen_string_literal: true

# Builds the thrust binary with cargo when the gem is installed from source; it lands in lib/thruster/thrust.
#
# The gem always installs: without cargo, or when its build fails, exe/thrust later says what to do. THRUSTER_BUILD=1
# makes both an error here. cargo reads its own variables as ever; with CARGO_TARGET_DIR the build is shared and kept.
# mkmf is not used: it wants Ruby's headers, and there is no C in here.

require "rbconfig"
require "shellwords"

ROOT = File.expand_path("../..", __dir__)

def cargo
  named = ENV["CARGO"].to_s
  return named unless named.empty?

  ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).map { File.join(_1, "cargo") }
    .find { File.file?(_1) && File.executable?(_1) }
end

# make takes a dollar for a variable, also inside quotes of the shell.
def word(text)
  text.shellescape.gsub("$", "$$")
end

def build(cargo)
  kept = !ENV["CARGO_TARGET_DIR"].to_s.empty?
  built = File.join(Dir.pwd, "built")
  target = File.join(Dir.pwd, "target")
  target_option = kept ? "" : "--target-dir #{word(target)}"
  failed = ENV["THRUSTER_BUILD"] == "1" ? "exit 1" : "echo 'thrust was not built; the gem is installed without it'"

  <<~MAKE
    sitearchdir = #{word(RbConfig::CONFIG["sitearchdir"])}
    all:
    \t#{word(cargo)} install --locked --force --no-track --bin thrust --path #{word(File.join(ROOT, "ext/thrust"))} \\
    \t  --root #{word(built)} #{target_option} || #{failed}
    install:
    \tif [ -f #{word(built)}/bin/thrust ]; then \\
    \t  mkdir -p $(DESTDIR)$(sitearchdir)/thruster && \\
    \t  install -m 0755 #{word(built)}/bin/thrust $(DESTDIR)$(sitearchdir)/thruster/thrust; fi
    \trm -rf #{word(built)} #{word(target)}
    clean:
    \trm -rf #{word(built)} #{word(target)}
    .PHONY: all install clean
  MAKE
end

NOTHING = <<~MAKE
  all install clean:
  \t@:
  .PHONY: all install clean
MAKE

found = cargo
if found.nil? && ENV["THRUSTER_BUILD"] == "1"
  abort "THRUSTER_BUILD=1 asks for the thrust binary, but cargo is not on the PATH: install Rust (https://rustup.rs)"
end

puts found ? "building thrust with #{found}" : "cargo is not on the PATH: installing without the thrust binary"
File.write("Makefile", found ? build(found) : NOTHING)
