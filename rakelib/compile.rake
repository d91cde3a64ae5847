# frozen_string_literal: true

RELEASE_BINARY = "target/release/thrust"

# Puts the extension that cargo has built where this checkout, or a gem of it, finds it.
def install_extension(profile, directory = "lib/thruster")
  mkdir_p directory
  install "target/#{profile}/libthruster_native.#{RbConfig::CONFIG["SOEXT"]}",
    "#{directory}/thruster_native.#{RbConfig::CONFIG["DLEXT"]}", mode: 0o755
end

# --target-dir: the tasks look there, whatever CARGO_TARGET_DIR says. The extension is for the ruby on the PATH, or RUBY.
def cargo_build(*options)
  sh "cargo", "build", "--locked", *options, "--target-dir", "target"
end

desc "Build the binary and the extension, and put them where exe/thrust and lib/ find them"
task compile: %w[compile:release compile:native] do
  install RELEASE_BINARY, "lib/thruster/thrust", mode: 0o755
end

namespace :compile do
  task(:release) { cargo_build "--release", "--bin", "thrust" }

  desc "Build the extension and put it into lib/thruster"
  task native: "native:release" do
    install_extension "release"
  end

  namespace :native do
    # Named as in extconf.rb, so that an installation finds all of it built.
    task :release do
      ENV["RUBY"] ||= RbConfig.ruby
      cargo_build "--release", "--package", "thruster_native"
    end

    desc "The same, quicker: a debug build, which the specs use"
    task :dev do
      cargo_build "--package", "thruster_native"
      install_extension "debug"
    end
  end
end
