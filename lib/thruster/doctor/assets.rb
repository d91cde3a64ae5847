# frozen_string_literal: true

require "net/http"
require_relative "check"

module Thruster
  class Doctor
    # Whether a digested asset is there, small, and kept by browsers.
    class Assets < Check
      DIGESTED = /-\h{7,128}(?:\.digested)?\.(?:css|js)\z/
      SIBLINGS = %w[br zst gz].freeze
      COMPRESS = "run `bin/rails thruster:assets:compress`, which `assets:precompile` does by itself"
      PATIENCE = 5

      def findings
        return [] unless subject.config.respond_to?(:assets)
        return [ missing ] unless asset

        [ siblings, served ]
      end

      private
        def missing
          return ok("no assets are compiled, which only production needs") unless subject.env == "production"

          warning "there is no compiled asset in #{directory}", why: "in production Rails serves no other",
            change: "run `bin/rails assets:precompile` before the start, in the image's build for instance"
        end

        # The largest one gains most.
        def asset
          @asset ||= Dir.glob("**/*", base: directory).grep(DIGESTED).max_by { File.size(File.join(directory, _1)) }
        end

        def siblings
          found = SIBLINGS.select { File.exist?(File.join(directory, "#{asset}.#{_1}")) }
          return ok("#{asset} is there compressed: #{found.join(", ")}") if found.any?

          warning "#{asset} has no compressed file beside it", change: COMPRESS,
            why: "it goes to every new visitor at its full size"
        end

        def served
          address = subject.address
          return ok("no thrust runs that could be asked for #{asset}") unless address

          response = get(*address)
          wrong(response) || ok("#{path} comes #{response["Content-Encoding"] || "plain"}, #{response["Cache-Control"]}")
        rescue SystemCallError, Timeout::Error, IOError, Net::ProtocolError => failure
          warning "#{path} could not be had from thrust", why: failure.message, change: "look at thrust's log"
        end

        def wrong(response)
          if response.code != "200"
            warning "thrust answers #{response.code} for #{path}", change: "look at thrust's log for that request",
              why: "the file lies in #{directory}"
          elsif !response["Cache-Control"].to_s.match?(/immutable|max-age=\d{7,}/)
            warning "#{path} comes with #{response["Cache-Control"] ? "Cache-Control: #{response["Cache-Control"]}" : "no Cache-Control"}",
              why: "browsers ask for it again and again, though its name changes with its content",
              change: 'set config.public_file_server.headers = { "cache-control" => "public, max-age=31536000, immutable" }'
          elsif response["Content-Encoding"].nil? && SIBLINGS.any? { File.exist?(File.join(directory, "#{asset}.#{_1}")) }
            warning "#{path} comes plain though a compressed file lies beside it",
              why: "thrust does not serve public/: Rails does", change: "see public_path in `bin/rails thruster:config`"
          end
        end

        def get(host, port)
          headers = { "Accept-Encoding" => "br, zstd, gzip", "X-Forwarded-Proto" => "https", "Host" => subject.host }
          Net::HTTP.start(host, port, open_timeout: PATIENCE, read_timeout: PATIENCE) { _1.get(path, headers) }
        end

        def path
          "#{subject.config.relative_url_root}#{prefix}/#{asset}"
        end

        def prefix
          "/#{subject.config.assets.prefix.to_s.delete_prefix("/")}"
        end

        def directory
          File.join(subject.app.paths["public"].first, prefix)
        end
    end
  end
end
