# frozen_string_literal: true

require "rubygems/package"
require_relative "../lib/thruster/executable"

# Builds pkg/NAME.gem from a copy of the gemspec, which the block may change.
def package
  mkdir_p "pkg"
  spec = Gem::Specification.load("thruster-rs.gemspec").dup
  yield spec if block_given?
  Gem::Package.build(spec, false, true, "pkg/#{spec.full_name}.gem")
end

desc "Build the gem of the ruby platform: its binary is built by cargo when it is installed"
task(:gem) { package }

namespace :gem do
  desc "Build a precompiled gem for this machine: its binary needs this machine's C library or a newer one"
  task native: "compile:release" do
    platform = Thruster::Executable.platform
    binary = "exe/#{platform}/thrust"
    mkdir_p File.dirname(binary)
    install RELEASE_BINARY, binary, mode: 0o755

    package do |spec|
      spec.platform = platform
      spec.extensions = []
      spec.files = spec.files.grep_v(%r{\A(ext/|Cargo\.)}) + [ binary ]
    end
  ensure
    rm_rf File.dirname(binary) # exe/thrust would prefer it in this checkout, however old it gets.
  end
end
