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

desc "Build the gem of the ruby platform: cargo builds its binary and its extension when it is installed"
task(:gem) { package }

namespace :gem do
  desc "Build a precompiled gem for this machine and this Ruby: it needs this machine's C library or a newer one"
  task native: %w[compile:release compile:native:release] do
    platform = Thruster::Executable.platform
    binary = "exe/#{platform}/thrust"
    mkdir_p File.dirname(binary)
    install RELEASE_BINARY, binary, mode: 0o755
    extensions = "lib/thruster/#{RUBY_VERSION[/\A\d+\.\d+/]}"
    install_extension "release", extensions

    package do |spec|
      spec.platform = platform
      spec.extensions = []
      spec.files = spec.files.grep_v(%r{\A(ext/|Cargo\.)}) + [ binary, *Dir["#{extensions}/*"] ]
    end
  ensure
    rm_rf [ File.dirname(binary), extensions ] # This checkout would prefer them, however old they get.
  end
end
