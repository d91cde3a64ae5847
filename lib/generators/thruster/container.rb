# frozen_string_literal: true

require "thruster/dockerfile"

module Thruster
  module Generators
    # Puts thrust before the server that the app's own Dockerfile starts, and takes it away again.
    module Container
      DOCKERFILE = "Dockerfile"
      ENTRYPOINT = "bin/docker-entrypoint"

      # Rails 7 prepares the database only if the server's command stands first; behind thrust it does not.
      FIRST_WORDS = /\[ "\$\{1\}" == "\.\/bin\/rails" \] && \[ "\$\{2\}" == "server" \]/
      ANY_WORDS = '[[ "${*}" == *"./bin/rails server"* ]]'

      private
        def wrap_container
          text = read(DOCKERFILE) or return
          dockerfile = Dockerfile.new(text)

          case dockerfile.kind
          when :server, :wrapped
            rewrite(DOCKERFILE, "thrust runs the server") { dockerfile.wrapped }
            rewrite(ENTRYPOINT, "prepares the database behind thrust too") { _1.sub(FIRST_WORDS) { ANY_WORDS } }
          when :pinned
            leave DOCKERFILE, "CMD says where the server listens (#{dockerfile.words}); thrust does that by PORT. " \
              "Remove that option, then run this again"
          else
            leave DOCKERFILE, "CMD runs no server (#{dockerfile.words || "there is none"}); " \
              "to use thrust: CMD [\"#{Dockerfile::BINSTUB}\", \"./bin/rails\", \"server\"]"
          end
        end

        # The entrypoint stays: it serves both.
        def unwrap_container
          rewrite(DOCKERFILE, "the server runs without thrust") { Dockerfile.new(_1).bare }
        end
    end
  end
end
