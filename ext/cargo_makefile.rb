# frozen_string_literal: true

require "rbconfig"
require "shellwords"

# The Makefile of an extension that cargo builds, for RubyGems to run when the gem is installed from source.
#
# The gem always installs: without cargo, or when a build fails, it says later what to do. THRUSTER_BUILD=1 makes both an
# error of the installation. cargo reads its own variables as ever; with CARGO_TARGET_DIR the build is shared and kept.
# mkmf is not used: it wants Ruby's headers even where nothing needs them, and there is no C in here.
class CargoMakefile
  ROOT = File.expand_path("..", __dir__)

  NOTHING = <<~MAKE
    all install clean:
    \t@:
    .PHONY: all install clean
  MAKE

  # +product+ is what is made, in words; +file+ the name it is installed under, in the directory thruster.
  def initialize(product:, file:, environment: ENV)
    @product = product
    @file = file
    @environment = environment
  end

  # Writes the Makefile. The block answers the commands that make +built+, one a line; it is given this object.
  def write
    if cargo.nil? && demanded?
      abort "THRUSTER_BUILD=1 asks for #{@product}, but cargo is not on the PATH: install Rust (https://rustup.rs)"
    end

    puts cargo ? "building #{@product} with #{cargo}" : "cargo is not on the PATH: installing without #{@product}"
    File.write("Makefile", cargo ? rules(yield(self)) : NOTHING)
  end

  # cargo with these arguments, as a word of the shell each.
  def cargo_with(*arguments)
    [ cargo, *arguments ].map { word(_1) }.join(" ")
  end

  # make takes a dollar for a variable, also inside quotes of the shell.
  def word(text)
    text.shellescape.gsub("$", "$$")
  end

  # The file that the commands have to make.
  def built
    File.join(Dir.pwd, "built", @file)
  end

  # Where cargo builds; removed when the gem is installed, unless it was given.
  def target
    kept? ? @environment["CARGO_TARGET_DIR"] : File.join(Dir.pwd, "target")
  end

  private
    def cargo
      named = @environment["CARGO"].to_s
      return named unless named.empty?

      @environment.fetch("PATH", "").split(File::PATH_SEPARATOR).map { File.join(_1, "cargo") }
        .find { File.file?(_1) && File.executable?(_1) }
    end

    def demanded?
      @environment["THRUSTER_BUILD"] == "1"
    end

    def kept?
      !@environment["CARGO_TARGET_DIR"].to_s.empty?
    end

    def rules(commands)
      failed = demanded? ? "exit 1" : "echo '#{@product} was not built; the gem is installed without it'"
      removed = [ File.dirname(built), *(target unless kept?) ].map { word(_1) }.join(" ")

      <<~MAKE
        sitearchdir = #{word(RbConfig::CONFIG["sitearchdir"])}
        all:
        \tmkdir -p #{word(File.dirname(built))}
        \t{ #{commands.join(" && ")}; } || #{failed}
        install:
        \tif [ -f #{word(built)} ]; then \\
        \t  mkdir -p $(DESTDIR)$(sitearchdir)/thruster && \\
        \t  install -m 0755 #{word(built)} $(DESTDIR)$(sitearchdir)/thruster/#{word(@file)}; fi
        \trm -rf #{removed}
        clean:
        \trm -rf #{removed}
        .PHONY: all install clean
      MAKE
    end
end
