# frozen_string_literal: true

require_relative "check"
require_relative "probe"
require_relative "../sendfile"

module Thruster
  class Doctor
    # Whether thrust sends the files that the app answers with, so that Puma need not.
    class Files < Check
      REMOVE = "remove config.action_dispatch.x_sendfile_header: thrust and Rails agree without it"

      def self.title
        "sendfile"
      end

      def findings
        [ chosen? ? chosen : asked, *outside ]
      end

      private
        def chosen?
          !header.empty?
        end

        def header
          subject.config.action_dispatch.x_sendfile_header.to_s
        end

        # The app sends the header by itself, whoever asks.
        def chosen
          if !Sendfile.understood?(header)
            error "Rails answers files with #{header}, which thrust does not know", change: REMOVE,
              why: "the header goes to the client, with nothing behind it"
          elsif subject.settings["x_sendfile_enabled"] == false
            error "Rails answers files with #{header}, and X_SENDFILE_ENABLED is off", why: "nobody then sends the file",
              change: "switch X_SENDFILE_ENABLED on, or remove config.action_dispatch.x_sendfile_header"
          elsif header.casecmp?("x-accel-redirect") && Array(subject.settings["sendfile_mappings"]).empty?
            error "Rails answers files with X-Accel-Redirect, and nothing says where they lie",
              why: "the paths in it are not those of the disk", change: "set THRUSTER_SENDFILE_MAPPINGS, or #{REMOVE}"
          else
            ok "Rails answers files with #{header}, which thrust sends"
          end
        end

        def asked
          return ok("X_SENDFILE_ENABLED is off: Puma sends the files") if subject.settings["x_sendfile_enabled"] == false
          return ok("Puma sends the files: Rails tells thrust nothing") if subject.told.silent
          return ok("there is no file that could be tried") unless file

          case outcome = Probe.new(subject, roots:).outcome(file)
          when :named then ok("thrust sends #{file} in the place of Puma")
          when :sent then replaced
          else ok("no file could be tried: the app's middleware answers #{outcome} to the doctor")
          end
        end

        def replaced
          warning "Puma sends #{file} itself, not thrust", change: "move or remove the middleware that replaces the bodies of " \
            "answers (`bin/rails middleware` lists them; Rack::Deflater is one)",
            why: "the answer came out of the middleware of the app without the file's path: " \
              "each download holds a thread of Puma while it lasts"
        end

        # Where thrust may send files from; nowhere in particular is everywhere.
        def roots
          Array(subject.settings["sendfile_roots"])
        end

        def outside
          return [] if roots.empty?

          subject.disks.reject { |_, disk| roots.any? { within?(disk, _1) } }.map do |name, disk|
            warning "Puma sends the files of Active Storage (#{name}) itself, not thrust",
              why: "#{disk} is not within the sendfile_roots: #{roots.join(", ")}",
              change: "add it to config.thruster.sendfile_roots, or to THRUSTER_SENDFILE_ROOTS if that is set"
          end
        end

        def within?(path, root)
          File.join(real(path), "").start_with?(File.join(real(root), ""))
        end

        def real(path)
          File.realpath(path)
        rescue SystemCallError
          File.expand_path(path, subject.root)
        end

        # One of the app's own, as it may be sent.
        def file
          @file ||= [ subject.app.paths["public"].first, subject.root ].flat_map { |directory| Dir[File.join(directory, "*")] }
            .find { File.file?(_1) && File.size(_1).positive? }&.then { File.realpath(_1) }
        end
    end
  end
end
