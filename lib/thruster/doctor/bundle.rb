# frozen_string_literal: true

require_relative "check"
require_relative "../binstub"
require_relative "../gemfile"

module Thruster
  class Doctor
    # Whether the Gemfile and bin/thrust name this gem, and only it.
    class Bundle < Check
      INSTALL = "run `bin/rails generate thruster:install`, then `bundle install`"

      def findings
        [ gemfile, binstub ].compact
      end

      private
        def gemfile
          return unless File.file?(subject.path("Gemfile"))

          gemfile = Gemfile.new(File.read(subject.path("Gemfile"), encoding: Encoding::UTF_8))
          if gemfile.declares?(Gemfile::THEIRS)
            error "the Gemfile names thruster beside thruster-rs", change: INSTALL,
              why: "both bring a program thrust, and a bin/thrust that was made for thruster starts that one"
          elsif !gemfile.required?
            warning "the Gemfile has `require: false` for thruster-rs", change: INSTALL,
              why: "Rails then never tells thrust what it knows, unless the app requires \"thruster-rs\" itself"
          else
            ok "the Gemfile names thruster-rs"
          end
        end

        def binstub
          binstub = Binstub.new(subject.root)
          case binstub.kind
          when :missing
            warning "there is no #{Binstub::PATH}", change: INSTALL, why: "nothing starts thrust before the server"
          when :theirs
            warning "#{Binstub::PATH} was made for the gem thruster", change: INSTALL,
              why: "Bundler warns of that at each start, and starts thruster if that gem comes into the bundle again"
          else
            executable(binstub)
          end
        end

        def executable(binstub)
          return ok("#{Binstub::PATH} starts thruster-rs") if binstub.executable? && binstub.kind == :ours
          return ok("#{Binstub::PATH} is the app's own") if binstub.executable?

          error "#{Binstub::PATH} is not executable", change: "chmod +x #{Binstub::PATH}, and commit that",
            why: "the system will not start it"
        end
    end
  end
end
