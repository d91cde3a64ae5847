# frozen_string_literal: true

require "active_support/concern"

module Thruster
  module QueueTime
    # Tells it in the line that a controller writes to the log, as "Queue: 3.1ms", and in the payload of
    # process_action.action_controller, as +:queue_runtime+ in milliseconds.
    module Controller
      extend ActiveSupport::Concern

      module ClassMethods
        # Before what Rails itself has measured.
        def log_process_action(payload)
          waited = payload[:queue_runtime]
          [ *(format("Queue: %.1fms", waited) if waited), *super ]
        end
      end

      private
        def append_info_to_payload(payload)
          super
          waited = request.env[KEY]
          payload[:queue_runtime] = waited if waited
        end
    end
  end
end
